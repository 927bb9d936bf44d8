//! The limits of a server.

use std::time::Duration;

/// The limits of a server. `docs/limits.md` lists how a client that exceeds one is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of open connections. Further ones are answered `503` with `Retry-After`;
    /// those that are open stay. `None` means as many as the system allows.
    pub connections: Option<usize>,
    /// The maximum number of open connections from one address. Further ones are answered `503` as
    /// well. `None` means unlimited. Behind a trusted proxy, whose clients share its connections,
    /// the requests of each client that are under way are counted instead.
    pub connections_per_address: Option<usize>,
    /// The maximum size of the head of a request, in bytes. A larger one is answered `431`.
    pub head_bytes: usize,
    /// The maximum size of a published payload, in bytes of JSON. A larger one is answered `413`,
    /// over WebSocket with a Close frame of code 1009.
    pub message_bytes: usize,
    /// The time from the first byte of a request to the last byte of its head, and the time of a
    /// TLS handshake. After it, an HTTP/1.1 request is answered `408`, and the connection is
    /// closed.
    pub head_time: Duration,
    /// The time from the end of the head of a request to the last byte of its body. A slower body
    /// is answered `408`.
    pub body_time: Duration,
    /// How long a connection may be open without a request under way. It should be longer than the
    /// longest poll interval in use.
    pub idle_time: Duration,
    /// How long a reader may take no byte while there are bytes for it. It is then dropped,
    /// together with what it has not taken: at most the socket's buffer and one batch. A stream of
    /// an HTTP/2 connection is reset if its reader takes less than 16 KiB in this time.
    pub write_time: Duration,
    /// How long connections have to end once the server stops. A connection between two polls may
    /// wait for all of this time, until its next poll is answered.
    pub drain_time: Duration,
    /// When the server stops, it tells each subscriber to come back after a random delay of at most
    /// this much, so that they do not all come back at once. 0 tells subscribers nothing.
    pub return_time: Duration,
    /// The reconnection time that each event stream announces when it opens (`retry:`), in whole
    /// milliseconds. `None` announces nothing: browsers then wait 3 s (Chromium, Safari) or 5 s
    /// (Firefox). Only SSE has a field for it.
    pub retry: Option<Duration>,
    /// The limits of Socket.IO sessions.
    pub socket_io: SocketIoLimits,
}

/// The limits of Socket.IO sessions. The defaults are those of the reference server (npm
/// `socket.io` 4), except for `sessions`, which it does not limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketIoLimits {
    /// The interval at which the server pings each session. At least one millisecond.
    pub ping_interval: Duration,
    /// How long a session may take to answer a ping before it ends.
    pub ping_timeout: Duration,
    /// The maximum size of the body of a `POST`, of a WebSocket message, and of the answer to a
    /// `GET` unless a single packet is larger, in bytes. A larger `POST` is answered `413`; the
    /// session ends in both cases.
    pub payload_bytes: usize,
    /// How long a session may take to upgrade from polling to a WebSocket before it ends.
    pub upgrade_time: Duration,
    /// How long a session may be open without a namespace before it ends.
    pub connect_time: Duration,
    /// The maximum number of open sessions. Further ones are answered `503` with `Retry-After`;
    /// those that are open stay.
    pub sessions: usize,
}

impl Default for SocketIoLimits {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            payload_bytes: 1_000_000,
            upgrade_time: Duration::from_secs(10),
            connect_time: Duration::from_secs(45),
            sessions: 65_536,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_address: None,
            head_bytes: 64 << 10,
            message_bytes: wirebench_protocol::MAX_PAYLOAD_BYTES,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(90),
            write_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(5),
            return_time: Duration::from_secs(5),
            retry: Some(Duration::from_secs(1)),
            socket_io: SocketIoLimits::default(),
        }
    }
}
