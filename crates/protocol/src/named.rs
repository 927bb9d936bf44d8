//! What closed sets of values with names have in common: transports, modes, stacks.
//!
//! Such a value has one name everywhere: on the command line, in scenario files, in addresses and
//! in results.

/// A name that belongs to no value of its set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} `{name}`: expected {known}")]
pub struct UnknownName {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) known: String,
}

/// Gives an enum its list of all values, and makes its values text and back, also in serde.
///
/// The enum derives `VariantArray` and has a function `name`, which returns the name of a value.
/// The second argument is what a value is called in an error.
macro_rules! named {
    ($Type:ident, $kind:literal) => {
        impl $Type {
            /// Every value, in the order in which they are listed everywhere. The derive keeps the
            /// list complete.
            pub const ALL: [Self; Self::COUNT] = *<Self as strum::VariantArray>::VARIANTS
                .first_chunk()
                .expect("COUNT is the length of VARIANTS");

            /// The number of values.
            pub const COUNT: usize = <Self as strum::VariantArray>::VARIANTS.len();
        }

        impl std::fmt::Display for $Type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.name())
            }
        }

        impl std::str::FromStr for $Type {
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, $crate::UnknownName> {
                let found = Self::ALL.into_iter().find(|value| value.name() == name);
                found.ok_or_else(|| $crate::UnknownName {
                    kind: $kind,
                    name: name.to_owned(),
                    known: $crate::named::in_prose(&Self::ALL.map(Self::name)),
                })
            }
        }

        impl serde::Serialize for $Type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $Type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use named;

/// Returns names as a list in prose, each in backticks.
pub(crate) fn in_prose(names: &[&str]) -> String {
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match names {
        [others @ .., last] if !others.is_empty() => {
            format!("{} or `{last}`", quoted(others).join(", "))
        }
        few => quoted(few).concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::{Debug, Display};
    use std::str::FromStr;

    use serde::Serialize;
    use serde::de::DeserializeOwned;

    use crate::{HttpStack, ShortPollingMode, SocketIoMode, Transport, UnknownName};

    /// Checks that each value is found by its name, and how another name is answered.
    fn check<T>(all: impl IntoIterator<Item = T>, unknown: &str)
    where
        T: FromStr<Err = UnknownName> + Display + Serialize + DeserializeOwned + PartialEq + Debug,
    {
        for value in all {
            let json = format!("\"{value}\"");
            assert_eq!(value.to_string().parse().as_ref(), Ok(&value));
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
        }
        assert_eq!("?".parse::<T>().unwrap_err().to_string(), unknown);
        assert!(serde_json::from_str::<T>("\"?\"").unwrap_err().to_string().starts_with(unknown));
    }

    #[test]
    fn a_value_is_found_by_its_name_and_an_unknown_name_is_answered_with_the_known_ones() {
        check(
            Transport::ALL,
            "unknown transport `?`: expected `short-polling`, `long-polling`, `sse`, `websocket` \
             or `socket.io`",
        );
        check(ShortPollingMode::ALL, "unknown mode `?`: expected `cursor`, `table` or `whole`");
        check(SocketIoMode::ALL, "unknown mode `?`: expected `polling`, `websocket` or `upgrade`");
        check(HttpStack::ALL, "unknown HTTP stack `?`: expected `own` or `hyper`");
    }
}
