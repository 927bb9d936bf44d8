//! What both ends agree on about Socket.IO beyond the transport itself: its modes and its names.

use std::time::Duration;

use serde::Deserialize;
use strum::VariantArray;

use crate::delivery::Delivery;
use crate::named::named;
use crate::uplink::Uplink;

/// How a Socket.IO session reaches its subscriber.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum SocketIoMode {
    /// Requests alone: the server holds each `GET` until it has something to send.
    Polling,
    /// A WebSocket from the beginning.
    WebSocket,
    /// Requests first, and a WebSocket as soon as it is open. The official client does this unless
    /// it is configured.
    #[default]
    Upgrade,
}

named!(SocketIoMode, "mode");

impl SocketIoMode {
    /// The time from one heartbeat of the server to the next, unless the server is told otherwise
    /// (`pingInterval`).
    pub const PING_INTERVAL: Duration = Duration::from_secs(25);

    /// The time that a client has to answer a heartbeat, unless the server is told otherwise
    /// (`pingTimeout`).
    pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

    /// Returns the name in scenario files, reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
            Self::Upgrade => "upgrade",
        }
    }

    /// Returns how messages reach the subscriber in this mode, once its session is established.
    pub const fn delivery(self) -> Delivery {
        match self {
            Self::Polling => Delivery::Held,
            Self::WebSocket | Self::Upgrade => Delivery::Pushed,
        }
    }

    /// Returns how a subscriber sends in this mode, once its session is established.
    pub const fn uplink(self) -> Uplink {
        match self {
            Self::Polling => Uplink::OwnConnection,
            Self::WebSocket | Self::Upgrade => Uplink::Frame,
        }
    }

    /// Returns how long the server holds a request that finds nothing. `None` if messages are
    /// pushed. A held request is answered with the next heartbeat at the latest.
    pub const fn hold(self) -> Option<Duration> {
        match self.delivery() {
            Delivery::Held => Some(Self::PING_INTERVAL),
            Delivery::Polled | Delivery::Pushed => None,
        }
    }

    /// Returns the namespace of a feed.
    pub fn namespace(feed: &str) -> String {
        format!("/feeds/{feed}")
    }
}

/// Returns true if an argument of an event stands for the first attachment of the event:
/// `{"_placeholder":true,"num":0}`.
pub fn is_first_placeholder(argument: &str) -> bool {
    #[derive(Deserialize)]
    struct Placeholder {
        _placeholder: bool,
        num: u64,
    }
    let placeholder = serde_json::from_str(argument);
    matches!(placeholder, Ok(Placeholder { _placeholder: true, num: 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_polling_holds_requests() {
        for mode in SocketIoMode::ALL {
            assert_eq!(mode.hold().is_some(), mode == SocketIoMode::Polling, "{mode}");
        }
    }
}
