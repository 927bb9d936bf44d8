//! What a run needs, computed before the run: for `check` and `--dry-run`.

use std::time::Duration;

use wirebench_protocol::{STREAMS_PER_CONNECTION, SocketIoMode, Uplink};

use crate::{ConnectionSharing, Run, Upstream};

impl Run {
    /// Returns the maximum number of connections that are open at once when the load generator has
    /// this many worker threads. Each subscriber has one connection; over Socket.IO it may have
    /// more, and it has a second one if it sends over a transport that occupies the first. If
    /// connections are shared, these are streams, and each thread opens one connection to each server
    /// for as many as the server allows on it. A proxy has two connections for each of a
    /// subscriber's, so that there are twice as many.
    pub fn connections(&self, workers: usize) -> usize {
        let needed = self.connections_each() * self.subscribers;
        if self.http.connections == ConnectionSharing::Shared {
            // Each worker shares its own connections to each server.
            let groups = (workers.max(1) * self.instances).clamp(1, self.subscribers.max(1));
            let streams = usize::try_from(STREAMS_PER_CONNECTION).unwrap_or(usize::MAX);
            return groups * needed.div_ceil(groups).div_ceil(streams);
        }
        if self.faults.proxy.is_some() { 2 * needed } else { needed }
    }

    /// Returns the number of connections of one subscriber, if they are not shared.
    fn connections_each(&self) -> usize {
        match self.socket_io_mode {
            // One is held, and one posts.
            Some(SocketIoMode::Polling) => 2,
            // Until the session has moved to the third.
            Some(SocketIoMode::Upgrade) => 3,
            None | Some(SocketIoMode::WebSocket) => match self.uplink() {
                Uplink::SecondConnection if self.upstream.is_some() => 2,
                Uplink::SecondConnection | Uplink::OwnConnection | Uplink::Frame => 1,
            },
        }
    }

    /// Returns how often the link is crossed until a subscriber that dials has its cursor, over
    /// HTTP/1.1. The handshake of TLS 1.3 adds two crossings for each connection that is waited
    /// for.
    pub fn opening_trips(&self) -> u32 {
        let (trips, dialled) = match self.socket_io_mode {
            // A connection, and a request with its answer.
            None => (4, 1),
            // The same, and then the feed is asked for.
            Some(SocketIoMode::WebSocket) => (6, 1),
            // The feed is asked for by a `POST`, and a `GET` over a second connection is answered.
            Some(SocketIoMode::Polling | SocketIoMode::Upgrade) => (8, 2),
        };
        trips + if self.http.tls { 2 * dialled } else { 0 }
    }

    /// Returns how long the run takes, including the whole drain.
    pub fn duration(&self) -> Duration {
        self.ramp + self.timing.warm_up + self.timing.measure + self.timing.drain
    }

    /// Returns the messages per second that enter the feed, on average: those of all its timers, and
    /// those that the subscribers publish.
    pub fn published_per_second(&self) -> f64 {
        let publishes = self.upstream.filter(|upstream| upstream.to.publishes());
        self.rate * count(self.publishing_timers())
            + publishes.map_or(0.0, |upstream| count(self.subscribers) * upstream.rate)
    }

    /// Returns the deliveries per second, on average. In a chat, and with a timer for each
    /// connection, they grow with the square of the number of people.
    pub fn deliveries_per_second(&self) -> f64 {
        self.received_per_second() * count(self.subscribers)
    }

    /// Returns the messages per second that each subscriber receives, on average.
    pub fn received_per_second(&self) -> f64 {
        let each =
            |upstream: Upstream| upstream.to.deliveries(count(self.subscribers)) * upstream.rate;
        self.rate * count(self.publishing_timers()) + self.upstream.map_or(0.0, each)
    }

    /// Returns the mean number of messages that the subscribers send in the measured window. `None`
    /// if they send nothing.
    pub fn expected_sent(&self) -> Option<f64> {
        let upstream = self.upstream?;
        Some(count(self.subscribers) * upstream.rate * self.timing.measure.as_secs_f64())
    }

    /// Returns the mean number of messages that are published in the measured window.
    pub fn expected_messages(&self) -> f64 {
        self.published_per_second() * self.timing.measure.as_secs_f64()
    }

    /// Returns the mean number of deliveries of those messages, to all subscribers together.
    pub fn expected_deliveries(&self) -> f64 {
        self.deliveries_per_second() * self.timing.measure.as_secs_f64()
    }
}

#[expect(clippy::cast_precision_loss, reason = "subscribers are counted in thousands, not in 2^53")]
fn count(subscribers: usize) -> f64 {
    subscribers as f64
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirebench_protocol::Transport;

    use super::*;
    use crate::{Overrides, Scenario};

    /// Returns the first run of a scenario: by default 100 subscribers, 10 messages per second, 10
    /// s, 25 ms.
    fn run(transport: Transport, text: &str) -> Run {
        let chosen = Overrides { transports: Some(vec![transport]), ..Overrides::default() };
        let scenario = Scenario::parse("test", text, Path::new(""), &chosen)
            .unwrap_or_else(|error| panic!("{error}"));
        scenario.runs(1).remove(0)
    }

    #[test]
    fn messages_reach_every_subscriber() {
        let run = run(Transport::Sse, "");
        assert_eq!(run.connections(2), 100);
        assert!((run.expected_messages() - 100.0).abs() < 1e-9);
        assert!((run.expected_deliveries() - 10_000.0).abs() < 1e-9);
        assert_eq!(run.duration(), Duration::from_secs(2 + 2 + 10 + 5));
    }

    #[test]
    fn a_socket_io_session_that_polls_has_a_connection_to_post_over() {
        for (mode, connections) in [("websocket", 100), ("polling", 200), ("upgrade", 300)] {
            let run = run(Transport::SocketIo, &format!("socket-io.mode = \"{mode}\""));
            assert_eq!(run.connections(2), connections, "{mode}");
        }
    }

    #[test]
    fn a_socket_io_session_takes_more_trips_to_open_than_one_request() {
        let trips = |transport, text: &str| run(transport, text).opening_trips();
        assert_eq!(trips(Transport::Sse, ""), 4);
        assert_eq!(trips(Transport::Sse, "http.tls = true"), 6);
        assert_eq!(trips(Transport::SocketIo, "socket-io.mode = \"websocket\""), 6);
        assert_eq!(trips(Transport::SocketIo, ""), 8);
        assert_eq!(trips(Transport::SocketIo, "http.tls = true"), 12);
    }

    #[test]
    fn in_a_chat_the_deliveries_grow_with_the_square_of_the_people() {
        let chat = |people| {
            let text = format!("crowd.subscribers = {people}\nfeed.rate = 0\nupstream.rate = 0.5");
            run(Transport::Sse, &text)
        };
        let (ten, hundred) = (chat(10), chat(100));
        assert_eq!((ten.connections(1), hundred.connections(1)), (20, 200));
        assert_eq!((ten.expected_sent(), ten.expected_messages()), (Some(50.0), 50.0));
        assert!((ten.deliveries_per_second() - 50.0).abs() < 1e-9);
        assert!((hundred.deliveries_per_second() - 5_000.0).abs() < 1e-9);
        let text = "upstream = { rate = 0.5, to = \"echo\" }";
        let echo = run(Transport::WebSocket, text);
        assert_eq!((echo.connections(1), echo.expected_sent()), (100, Some(500.0)));
        assert!((echo.expected_messages() - 100.0).abs() < 1e-9, "an echo is published to nobody");
        for (to, deliveries) in [("chat", 50.0), ("others", 45.0), ("direct", 5.0), ("echo", 0.0)] {
            let text = format!(
                "crowd.subscribers = 10\nupstream = {{ rate = 0.5, to = \"{to}\" }}\nfeed.rate = 1"
            );
            let found = run(Transport::Sse, &text).deliveries_per_second();
            assert!((found - 10.0 - deliveries).abs() < 1e-9, "{to}: {found}");
        }
    }

    #[test]
    fn with_a_timer_for_each_connection_the_deliveries_grow_with_its_square() {
        let deliveries = |people: u32, timers| {
            let text =
                format!("crowd.subscribers = {people}\nfeed = {{ rate = 0.5, timers = {timers} }}");
            run(Transport::Sse, &text).deliveries_per_second()
        };
        assert!((deliveries(10, "\"one\"") - 5.0).abs() < 1e-9);
        assert!((deliveries(10, "\"per-connection\"") - 50.0).abs() < 1e-9);
        assert!((deliveries(100, "\"per-connection\"") - 5_000.0).abs() < 1e-9);
    }

    #[test]
    fn subscribers_that_share_connections_need_one_for_as_many_as_there_are_streams() {
        let text = "crowd = { subscribers = 100_000, connections = \"shared\" }\nhttp.version = 2";
        let run = run(Transport::Sse, text);
        assert_eq!(run.connections(1), 500);
        assert_eq!(run.connections(3), 3 * 167);
        assert_eq!(run.connections(0), 500);
    }
}
