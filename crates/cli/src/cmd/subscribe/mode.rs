//! The modes of the transports that have some.

use std::fmt;
use std::str::FromStr;

use wirebench_protocol::{ShortPollingMode, SocketIoMode, Transport};

/// A mode of one of the transports that have some.
#[derive(Clone, Copy, Debug)]
pub(super) enum ModeArgument {
    ShortPolling(ShortPollingMode),
    SocketIo(SocketIoMode),
}

impl FromStr for ModeArgument {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let of_short_polling = name.parse().map(Self::ShortPolling).ok();
        let of_socket_io = || name.parse().map(Self::SocketIo).ok();
        of_short_polling.or_else(of_socket_io).ok_or_else(|| {
            let short_polling = ShortPollingMode::ALL.map(ShortPollingMode::name).join("`, `");
            let socket_io = SocketIoMode::ALL.map(SocketIoMode::name).join("`, `");
            format!("expected `{short_polling}` for short polling, `{socket_io}` for Socket.IO")
        })
    }
}

impl fmt::Display for ModeArgument {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShortPolling(mode) => mode.fmt(formatter),
            Self::SocketIo(mode) => mode.fmt(formatter),
        }
    }
}

impl ModeArgument {
    /// Returns true if the mode is one of this transport.
    pub(super) fn is_of(self, transport: Transport) -> bool {
        match self {
            Self::ShortPolling(_) => transport == Transport::ShortPolling,
            Self::SocketIo(_) => transport == Transport::SocketIo,
        }
    }
}
