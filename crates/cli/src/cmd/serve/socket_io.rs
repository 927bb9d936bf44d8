//! The options of a server that concern Socket.IO.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Args;
use wirebench_scenario::parse_duration;
use wirebench_server::SocketIoLimits;

/// The limits of Socket.IO sessions.
#[derive(Args, Debug)]
#[command(next_help_heading = "Socket.IO")]
pub(super) struct SocketIoOptions {
    /// Interval at which the server pings each session
    #[arg(
        long = "socket-io-ping-interval",
        value_name = "TIME",
        default_value = "25s",
        value_parser = time
    )]
    ping_interval: Duration,
    /// Time limit for the answer to a ping; a session without an answer ends
    #[arg(
        long = "socket-io-ping-timeout",
        value_name = "TIME",
        default_value = "20s",
        value_parser = time
    )]
    ping_timeout: Duration,
    /// Maximum size of a message or of the body of a request, in bytes; a larger body is answered
    /// with 413
    #[arg(long = "socket-io-max-payload", value_name = "BYTES", default_value = "1000000")]
    max_payload: NonZeroUsize,
    /// Time limit for a session to upgrade from polling to a WebSocket
    #[arg(
        long = "socket-io-upgrade-time",
        value_name = "TIME",
        default_value = "10s",
        value_parser = time
    )]
    upgrade_time: Duration,
    /// Time limit for a session to connect to a namespace
    #[arg(
        long = "socket-io-connect-time",
        value_name = "TIME",
        default_value = "45s",
        value_parser = time
    )]
    connect_time: Duration,
    /// Maximum number of open sessions; further ones are answered with 503
    #[arg(long = "socket-io-max-sessions", value_name = "SESSIONS", default_value = "65536")]
    max_sessions: NonZeroUsize,
}

impl SocketIoOptions {
    pub(super) fn limits(&self) -> SocketIoLimits {
        SocketIoLimits {
            ping_interval: self.ping_interval,
            ping_timeout: self.ping_timeout,
            payload_bytes: self.max_payload.get(),
            upgrade_time: self.upgrade_time,
            connect_time: self.connect_time,
            sessions: self.max_sessions.get(),
        }
    }
}

/// Reads a time of at least one millisecond: sessions are told times in milliseconds.
fn time(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(time) if time.as_millis() > 0 => Ok(time),
        _ => Err("a time is 1 ms or more, such as `500ms`, `10s` or `2m`".to_owned()),
    }
}
