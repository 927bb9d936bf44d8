//! Who reads the requests of a server and writes their answers.

use strum::VariantArray;

use crate::named::named;

/// Who reads requests over HTTP/1.1 and writes their answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum HttpStack {
    /// The server itself, for the plain `GET` requests of feeds. hyper reads all others.
    #[default]
    Own,
    /// hyper, for all requests.
    Hyper,
}

named!(HttpStack, "HTTP stack");

impl HttpStack {
    /// Returns the name in scenario files, reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Hyper => "hyper",
        }
    }
}
