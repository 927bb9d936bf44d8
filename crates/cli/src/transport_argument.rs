//! How a transport is named on the command line: by its name, or by a short one.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use wirebench_protocol::Transport;

/// Returns the parser of a transport. Help and completions show the names, not the short ones.
pub(crate) fn transport_parser() -> impl TypedValueParser<Value = Transport> {
    let names = Transport::ALL
        .map(|transport| PossibleValue::new(transport.name()).aliases(transport.short_name()));
    PossibleValuesParser::new(names).map(|name| {
        let found = Transport::ALL.into_iter().find(|transport| {
            transport.name() == name || transport.short_name() == Some(name.as_str())
        });
        found.expect("the parser has accepted the name")
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_transport_is_known_by_its_name_and_by_its_short_name() {
        let command = clap::Command::new("wirebench");
        let parse = |name: &str| transport_parser().parse_ref(&command, None, OsStr::new(name));
        for transport in Transport::ALL {
            assert_eq!(parse(transport.name()).unwrap(), transport);
            let short = transport.short_name();
            assert!(short.is_none_or(|short| parse(short).unwrap() == transport), "{transport}");
        }
        assert!(parse("wss").is_err());
    }
}
