//! What both ends agree on about Socket.IO beyond the transport itself: its modes and its names.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::VariantArray;

use crate::delivery::Delivery;
use crate::uplink::Uplink;

/// How a Socket.IO session reaches its subscriber.
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
pub enum SocketIoMode {
    /// Requests alone: the server holds each `GET` until it has something to send.
    Polling,
    /// A WebSocket from the beginning.
    #[serde(rename = "websocket")]
    WebSocket,
    /// Requests first, and a WebSocket as soon as it is open. The official client does this unless
    /// it is configured.
    #[default]
    Upgrade,
}

/// A name that belongs to no mode of Socket.IO.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{name}`: expected {}", known())]
pub struct UnknownSocketIoMode {
    name: String,
}

impl SocketIoMode {
    /// Every mode, in the order in which they are listed everywhere.
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("COUNT is the length of VARIANTS");

    /// The number of modes.
    pub const COUNT: usize = Self::VARIANTS.len();

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

impl fmt::Display for SocketIoMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for SocketIoMode {
    type Err = UnknownSocketIoMode;

    fn from_str(name: &str) -> Result<Self, UnknownSocketIoMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| UnknownSocketIoMode { name: name.to_owned() })
    }
}

/// Returns the names of all modes as a list in prose, each in backticks.
fn known() -> String {
    let names = SocketIoMode::ALL.map(|mode| format!("`{mode}`"));
    let (last, others) = names.split_last().expect("there are modes");
    format!("{} or {last}", others.join(", "))
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
    fn every_mode_is_found_by_its_name() {
        for mode in SocketIoMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{mode}\""));
        }
        let error = "xhr".parse::<SocketIoMode>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown mode `xhr`: expected `polling`, `websocket` or `upgrade`"
        );
    }

    #[test]
    fn only_polling_holds_requests() {
        for mode in SocketIoMode::ALL {
            assert_eq!(mode.hold().is_some(), mode == SocketIoMode::Polling, "{mode}");
        }
    }
}
