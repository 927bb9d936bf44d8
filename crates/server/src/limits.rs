//! What a server gives at most, to all together and to each.

use std::time::Duration;

/// The limits of a server. Each has an answer for whoever meets it, which `docs/limits.md` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more is answered `503` with `Retry-After`; those connected stay.
    /// `None`: as many as the system gives.
    pub connections: Option<usize>,
    /// Connections at once from one address, answered likewise. `None`: as many as from all. Behind a
    /// trusted proxy, whose connections are shared by its clients, each client's requests under way are
    /// counted in their place.
    pub connections_per_address: Option<usize>,
    /// The head of a request, in bytes: `431` above.
    pub head_bytes: usize,
    /// A published payload, in bytes of JSON: `413` above, over WebSocket a Close with 1009.
    pub message_bytes: usize,
    /// From the first byte of a request to the last of its head; also for a TLS handshake. After it, an
    /// HTTP/1.1 request is answered `408`, and the connection is closed.
    pub head_time: Duration,
    /// From the end of a request's head to the last byte of its body: `408` after it.
    pub body_time: Duration,
    /// How long a connection may be open without a request under way. Longer than the longest sensible
    /// poll interval.
    pub idle_time: Duration,
    /// How long a reader may take no byte while there are some for it. It is dropped after that, and
    /// what it had not taken with it; memory for it is bounded by the socket's buffer and one batch. A
    /// stream of an HTTP/2 connection is reset when its reader takes less than 16 KiB in this time.
    pub write_time: Duration,
    /// How long connections have to end once the server stops. A connection between two polls may wait
    /// for all of it, for its next poll to be answered.
    pub drain_time: Duration,
    /// When the server stops, each subscriber is told a time of its own to come back, up to this much
    /// later, so that they do not come back as one. 0 tells nobody when to come back.
    pub return_time: Duration,
    /// The pause before reconnecting that each event stream announces when it opens (`retry:`), in whole
    /// milliseconds. `None` announces nothing: browsers then wait 3 s (Chromium, Safari) or 5 s
    /// (Firefox). No other transport has a field for it.
    pub retry: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            connections_per_address: None,
            head_bytes: 64 << 10,
            message_bytes: crate::MAX_PAYLOAD_BYTES,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(90),
            write_time: Duration::from_secs(30),
            drain_time: Duration::from_secs(5),
            return_time: Duration::from_secs(5),
            retry: Some(Duration::from_secs(1)),
        }
    }
}
