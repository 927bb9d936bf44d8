//! How the subscribers of a run reach the server: the emulated link, and HTTP.

use std::time::Duration;

/// The emulated network between a subscriber and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// The delay, each way. A new connection also pays the round trip of its handshake.
    pub delay: Duration,
    /// The maximum of the additional delay, which is drawn for each segment. Segments keep their
    /// order.
    pub jitter: Duration,
}

/// How the subscribers speak HTTP, and over which connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// 1 or 2.
    pub version: u8,
    /// True if connections are encrypted.
    pub tls: bool,
    /// The request headers that subscribers send.
    pub headers: Headers,
    /// How subscribers are spread over connections.
    pub connections: ConnectionSharing,
}

impl Default for HttpSettings {
    /// Returns HTTP/1.1 without TLS, the headers of a browser, and a connection for each
    /// subscriber.
    fn default() -> Self {
        Self {
            version: 1,
            tls: false,
            headers: Headers::Browser,
            connections: ConnectionSharing::Own,
        }
    }
}

/// How subscribers are spread over connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionSharing {
    /// Each subscriber has a connection of its own.
    #[default]
    Own,
    /// Many subscribers have a stream each on one connection. Needs HTTP/2.
    Shared,
}

impl ConnectionSharing {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::Own, Self::Shared];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Shared => "shared",
        }
    }
}

/// The request headers that a subscriber sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Headers {
    /// What a browser sends.
    #[default]
    Browser,
    /// The minimum that a client can send.
    Bare,
}

impl Headers {
    /// Both values.
    pub const ALL: [Self; 2] = [Self::Browser, Self::Bare];

    /// Returns the name in scenario files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Bare => "bare",
        }
    }
}
