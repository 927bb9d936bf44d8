//! The transports that the workbench compares, and what each is called.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A way for messages to reach a subscriber.
///
/// A closed set: the server, the load generator, the scenarios and the reports each match on it
/// exhaustively, so that the compiler lists what a new transport has to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Ask every interval, and be answered at once.
    ShortPolling,
    /// Ask, and be answered when there is something new or the hold is over.
    LongPolling,
    /// One response that never ends (WHATWG HTML, section 9.2).
    Sse,
    /// Frames both ways over an upgraded connection (RFC 6455).
    #[serde(rename = "websocket")]
    WebSocket,
}

/// A name that no transport has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown transport `{0}`: expected `short-polling`, `long-polling`, `sse` or `websocket`")]
pub struct UnknownTransport(String);

impl Transport {
    /// All of them, in the order in which they are listed everywhere.
    pub const ALL: [Self; 4] = [Self::ShortPolling, Self::LongPolling, Self::Sse, Self::WebSocket];

    /// The name in scenario files, reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShortPolling => "short-polling",
            Self::LongPolling => "long-polling",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }

    /// The path at which a feed is subscribed to over this transport.
    pub fn path(self, feed: &str) -> String {
        format!("/feeds/{feed}/{}", self.name())
    }

    /// Whether a subscriber asks again and again, so that requests and empty answers say something.
    pub const fn polls(self) -> bool {
        matches!(self, Self::ShortPolling | Self::LongPolling)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(name: &str) -> Result<Self, UnknownTransport> {
        Self::ALL
            .into_iter()
            .find(|transport| transport.name() == name)
            .ok_or_else(|| UnknownTransport(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transport_is_found_by_its_name() {
        for transport in Transport::ALL {
            assert_eq!(transport.name().parse(), Ok(transport));
            assert_eq!(
                serde_json::to_string(&transport).unwrap(),
                format!("\"{}\"", transport.name()),
                "the serialised name is the name"
            );
        }
    }
}
