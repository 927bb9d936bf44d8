//! Who reads the requests of a server and writes their answers.

use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// Who reads requests over HTTP/1.1 and writes their answers.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    Serialize,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
pub enum HttpStack {
    /// The server itself, for the plain `GET` requests of feeds. hyper reads all others.
    #[default]
    Own,
    /// hyper, for all requests.
    Hyper,
}

/// A name that belongs to no stack.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown HTTP stack `{name}`: expected `own` or `hyper`")]
pub struct UnknownHttpStack {
    name: String,
}

impl HttpStack {
    /// Every stack, in the order in which they are listed everywhere.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns the name in scenario files, reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Hyper => "hyper",
        }
    }
}

impl std::fmt::Display for HttpStack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

impl std::str::FromStr for HttpStack {
    type Err = UnknownHttpStack;

    fn from_str(name: &str) -> Result<Self, UnknownHttpStack> {
        let found = Self::ALL.iter().find(|stack| stack.name() == name);
        found.copied().ok_or_else(|| UnknownHttpStack { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_errors() {
        for stack in HttpStack::ALL {
            assert_eq!(stack.name().parse(), Ok(*stack));
        }
        let error = "nginx".parse::<HttpStack>().unwrap_err().to_string();
        assert!(error.contains("`nginx`") && error.contains("`own` or `hyper`"), "{error}");
    }
}
