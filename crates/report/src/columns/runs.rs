//! The columns of `runs.csv`.

use wirebench_measure::{
    FaultOutcome, Latency, Measurement, ProbeRecord, ServerCost, UpstreamRecord,
};
use wirebench_protocol::control::{Pace, Payload};
use wirebench_scenario::{Headers, Run};

use super::column::{Column, Role, SCHEMA_VERSION};
use crate::value::Value;
use crate::value::ValueType::{self, Boolean, Decimal, Integer, Text};

/// Every file of this schema version has at least so many of [`COLUMNS`]; the others were appended.
pub const FIRST_COLUMNS: usize = 54;

/// A column of `runs.csv`.
pub type RunColumn = Column<fn(&RunRecord<'_>) -> Value>;

/// What a row of `runs.csv` is made from.
#[derive(Clone, Copy, Debug)]
pub struct RunRecord<'a> {
    /// The name of the scenario.
    pub scenario: &'a str,
    /// The run that was asked for.
    pub run: &'a Run,
    /// What was measured.
    pub measurement: &'a Measurement,
}

/// The type of the functions that take a value of `runs.csv` from a record.
type ExtractFromRun = fn(&RunRecord<'_>) -> Value;

const fn identity(value_type: ValueType, name: &'static str, extract: ExtractFromRun) -> RunColumn {
    Column::new(Role::Identity, value_type, name, extract)
}

const fn setting(value_type: ValueType, name: &'static str, extract: ExtractFromRun) -> RunColumn {
    Column::new(Role::Setting, value_type, name, extract)
}

const fn measured(value_type: ValueType, name: &'static str, extract: ExtractFromRun) -> RunColumn {
    Column::new(Role::Measured, value_type, name, extract)
}

/// The columns of `runs.csv`, in the order of the file. A new one goes at the end, and none is ever
/// removed.
pub const COLUMNS: &[RunColumn] = &[
    identity(Integer, "schema_version", |_| Value::Integer(SCHEMA_VERSION))
        .means("Version of this file's format."),
    identity(Text, "scenario", |r| Value::words(r.scenario))
        .means("Name of the scenario, as in its file."),
    identity(Text, "run_id", |r| Value::words(&*r.run.id))
        .means("Unique within the results folder; the tag of the run's histograms."),
    identity(Integer, "repeat", |r| Value::Integer(r.run.repeat.into()))
        .means("Which repetition of the same setting this is, from 1."),
    setting(Text, "transport", |r| Value::words(r.run.transport.name()))
        .means("The transport that carried the messages."),
    setting(Integer, "http_version", |r| Value::Integer(r.run.http.version.into()))
        .means("Major version of HTTP that the subscribers spoke."),
    setting(Boolean, "tls", |r| Value::Boolean(r.run.http.tls))
        .means("Whether the connections were encrypted."),
    setting(Integer, "subscribers", |r| Value::count(r.run.subscribers as u64))
        .means("Subscribers asked for; each has its own connection."),
    setting(Decimal, "rate_per_s", |r| published(r, || Value::exact(r.run.rate)))
        .unit("1/s")
        .means(
            "Messages per second that each timer of the feed was asked to publish, on average. Blank \
             if somebody else fills the feed, as the other settings of what is published.",
        ),
    setting(Decimal, "payload_bytes", |r| published(r, || payload_bytes(r))).unit("B").means(
        "Bytes of one message's payload, before Base64; with `payload_source`, the mean of those \
         received.",
    ),
    setting(Decimal, "link_delay_us", |r| Value::micros(r.run.link.delay))
        .unit("µs")
        .means("Delay of the emulated network, each way."),
    setting(Decimal, "poll_interval_us", |r| Value::micros(r.run.interval))
        .unit("µs")
        .means("Short polling: from the start of one poll to the start of the next."),
    setting(Decimal, "hold_us", |r| Value::micros(r.run.hold)).unit("µs").means(
        "Long polling: from a poll's arrival to the empty answer when nothing is \
         published.",
    ),
    measured(Decimal, "duration_s", |r| Value::seconds(r.measurement.duration))
        .unit("s")
        .means("From the opening of the measured window to its close."),
    measured(Integer, "published", |r| Value::count(r.measurement.published))
        .means(
            "Messages that were due in the window, by the server's count. Blank if somebody else fills \
             the feed.",
        ),
    measured(Integer, "expected", |r| Value::count(r.measurement.expected())).means(
        "Deliveries due: `published` times the subscribers connected when the window opened. If \
         somebody else fills the feed: for each subscriber, the messages whose numbers arrived in the \
         window or were skipped in it; blank if messages have no numbers, as `missing`, `duplicate` \
         and `out_of_order` then.",
    ),
    measured(Integer, "received", |r| Value::Integer(r.measurement.seen.received))
        .higher_is_better()
        .means(
            "Deliveries made of messages due in the window, from its opening to the end of the \
             drain. If somebody else fills the feed: deliveries made in the window, and later those \
             that it had skipped.",
        ),
    measured(Integer, "missing", |r| Value::count(r.measurement.missing()))
        .lower_is_better()
        .means(
            "Deliveries due and not made by the end of the drain, announced as gaps or \
         not.",
        ),
    measured(Integer, "duplicate", |r| Value::count(r.measurement.duplicate()))
        .lower_is_better()
        .means(
            "Deliveries of messages that the same subscriber already had; not in \
         `received`.",
        ),
    measured(Integer, "out_of_order", |r| {
        Value::count(r.measurement.out_of_order())
    })
    .lower_is_better()
    .means("Deliveries, among those received, that came after a later message."),
    measured(Integer, "gaps", |r| Value::Integer(r.measurement.seen.gaps))
        .lower_is_better()
        .means("How often the server told a subscriber that it cannot deliver some messages."),
    measured(Decimal, "delivery_min_us", |r| {
        Value::micros(r.measurement.delivery().min())
    })
    .unit("µs")
    .lower_is_better()
    .means(
        "Delivery, minimum: from when a message was due to its last byte read, before \
         decoding.",
    ),
    measured(Decimal, "delivery_mean_us", |r| {
        Value::micros(r.measurement.delivery().mean())
    })
    .unit("µs")
    .lower_is_better()
    .means(
        "Delivery, mean: from when a message was due to its last byte read, before \
         decoding.",
    ),
    measured(Decimal, "delivery_stddev_us", |r| {
        Value::micros(r.measurement.delivery().stddev())
    })
    .unit("µs")
    .lower_is_better()
    .means("Delivery, standard deviation over all deliveries."),
    measured(Decimal, "delivery_p50_us", |r| delivery(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Delivery, median: from when a message was due to its last byte read, before \
         decoding.",
        ),
    measured(Decimal, "delivery_p75_us", |r| delivery(r, 75.0))
        .unit("µs")
        .lower_is_better()
        .means("Delivery, 75th percentile."),
    measured(Decimal, "delivery_p90_us", |r| delivery(r, 90.0))
        .unit("µs")
        .lower_is_better()
        .means("Delivery, 90th percentile."),
    measured(Decimal, "delivery_p95_us", |r| delivery(r, 95.0))
        .unit("µs")
        .lower_is_better()
        .means("Delivery, 95th percentile."),
    measured(Decimal, "delivery_p99_us", |r| delivery(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Delivery, 99th percentile."),
    measured(Decimal, "delivery_p999_us", |r| delivery(r, 99.9))
        .unit("µs")
        .lower_is_better()
        .means("Delivery, 99.9th percentile."),
    measured(Decimal, "delivery_max_us", |r| {
        Value::micros(r.measurement.delivery().max())
    })
    .unit("µs")
    .lower_is_better()
    .means(
        "Delivery, maximum: from when a message was due to its last byte read, before \
         decoding.",
    ),
    measured(Decimal, "connect_p50_us", |r| connect(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Connecting, median over the whole run: from the start of dialling to the \
         first cursor.",
        ),
    measured(Decimal, "connect_p99_us", |r| connect(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Connecting, 99th percentile over the whole run."),
    measured(Integer, "requests", |r| Value::Integer(r.measurement.seen.requests))
        .lower_is_better()
        .means(
            "HTTP requests sent in the window; one that opened a stream before it is not \
         counted.",
        ),
    measured(Integer, "empty_responses", |r| Value::Integer(r.measurement.seen.empty))
        .lower_is_better()
        .means("Answers in the window that carried no message."),
    measured(Integer, "connections_attempted", |r| {
        Value::Integer(r.measurement.traffic.attempted)
    })
    .lower_is_better()
    .means("TCP connections tried, from the start of the run to its end."),
    measured(Integer, "connections_opened", |r| {
        Value::Integer(r.measurement.traffic.opened)
    })
    .lower_is_better()
    .means("TCP connections opened, from the start of the run to its end."),
    measured(Integer, "connections_peak", |r| {
        Value::Integer(r.measurement.traffic.peak)
    })
    .lower_is_better()
    .means("The most TCP connections open at once, from the start of the run to its end."),
    measured(Integer, "reconnects", |r| {
        Value::Integer(r.measurement.traffic.reconnects)
    })
    .lower_is_better()
    .means(
        "Subscriptions that broke and were resumed, from the start of the run to its \
         end.",
    ),
    measured(Integer, "bytes_up", |r| Value::Integer(r.measurement.traffic.bytes_up))
        .unit("B")
        .lower_is_better()
        .means(
            "Bytes from subscribers to server on the TCP connections in the window, \
         headers, framing and TLS included.",
        ),
    measured(Integer, "bytes_down", |r| {
        Value::Integer(r.measurement.traffic.bytes_down)
    })
    .unit("B")
    .lower_is_better()
    .means(
        "Bytes from server to subscribers on the TCP connections in the window, \
         headers, framing and TLS included.",
    ),
    measured(Decimal, "bytes_per_message", |r| {
        Value::computed(r.measurement.bytes_per_message())
    })
    .unit("B")
    .lower_is_better()
    .means("`bytes_up` and `bytes_down` together, for each delivery received."),
    measured(Decimal, "overhead_ratio", |r| {
        Value::computed(r.measurement.overhead_ratio())
    })
    .lower_is_better()
    .means(
        "`bytes_up` and `bytes_down` together, for each byte of payload received; 1 \
         is no overhead.",
    ),
    measured(Decimal, "server_cpu_s", |r| {
        Value::seconds(server(r, |server| server.cpu))
    })
    .unit("s")
    .lower_is_better()
    .means("Processor time of the server in the window, user and system."),
    measured(Decimal, "server_cpu_us_per_message", |r| {
        Value::micros(r.measurement.server_cpu_per_message())
    })
    .unit("µs")
    .lower_is_better()
    .means("`server_cpu_s` for each delivery received."),
    measured(Integer, "server_rss_idle_bytes", |r| {
        Value::count(server(r, |server| server.rss_idle_bytes))
    })
    .unit("B")
    .lower_is_better()
    .means("Resident memory of the server before the first subscriber."),
    measured(Integer, "server_rss_peak_bytes", |r| {
        Value::count(server(r, |server| server.rss_peak_bytes))
    })
    .unit("B")
    .lower_is_better()
    .means(
        "The most resident memory of the server, from its start to the end of the \
         run.",
    ),
    measured(Integer, "server_rss_per_subscriber_bytes", |r| {
        Value::count(r.measurement.server.and_then(|server| server.rss_per_subscriber_bytes))
    })
    .unit("B")
    .lower_is_better()
    .means(
        "Growth of the server's resident memory while the crowd connected, before the \
         first message, for each subscriber; blank for a crowd so small that it would \
         be noise.",
    ),
    measured(Decimal, "loadgen_cpu_s", |r| Value::seconds(r.measurement.loadgen.cpu))
        .unit("s")
        .lower_is_better()
        .means("Processor time of the load generator in the window, user and system."),
    measured(Decimal, "loadgen_cpu_ratio", |r| {
        Value::computed(r.measurement.loadgen_cpu_ratio())
    })
    .lower_is_better()
    .means(
        "Share of its worker threads' time in the window that the load generator \
         computed, 0 to 1.",
    ),
    measured(Integer, "loadgen_rss_peak_bytes", |r| {
        Value::count(r.measurement.loadgen.rss_peak_bytes)
    })
    .unit("B")
    .lower_is_better()
    .means(
        "The most resident memory of the load generator during this run, from before the first \
         subscriber to the end of the drain; blank where the kernel does not reset the peak of \
         earlier runs.",
    ),
    measured(Integer, "late_publishes", |r| {
        Value::count(server(r, |server| server.late_publishes).flatten())
    })
    .lower_is_better()
    .means("Messages that entered the feed more than 5 ms after they were due."),
    measured(Boolean, "valid", |r| Value::Boolean(r.measurement.invalid.is_empty()))
        .means("`true` if the numbers may be used."),
    measured(Text, "invalid_reason", invalid_reason)
        .means("Why the numbers may not be used; reasons are separated by semicolons."),
    // Appended: settings that runs must agree in to be compared, and values that explain a doubtful
    // run.
    setting(Text, "pace", |r| published(r, || Value::words(pace(r.run.pace)))).means(
        "How the messages were spread over time: `steady`, `exact`, `poisson` or \
         `burst-<size>`.",
    ),
    setting(Text, "payload_source", |r| published(r, || payload_source(r)))
        .means("The file that payloads were replayed from; blank where they were generated."),
    setting(Integer, "window_messages", |r| {
        published(r, || Value::count(r.run.window as u64))
    })
        .means("Messages that the feed kept for subscribers that come back."),
    setting(Decimal, "link_jitter_us", |r| Value::micros(r.run.link.jitter))
        .unit("µs")
        .means("The most that the emulated network added to its delay, each way."),
    setting(Text, "headers", |r| Value::words(headers(r.run.http.headers)))
        .means("Which request headers were sent: `browser` or `bare`."),
    setting(Decimal, "ramp_s", |r| Value::seconds(r.run.ramp))
        .unit("s")
        .means("From the time the first subscriber dials to the time the last one does."),
    identity(Integer, "seed", |r| Value::Integer(r.run.seed))
        .means("Seeds everything random in the run, so that the run can be repeated."),
    measured(Decimal, "loadgen_lag_p99_us", |r| {
        Value::micros(r.measurement.seen.lag.percentile(99.0))
    })
    .unit("µs")
    .lower_is_better()
    .means("99th percentile of how late the load generator's own event loop ran."),
    measured(Integer, "from_the_future", |r| {
        Value::count(r.measurement.from_the_future())
    })
    .lower_is_better()
    .means(
        "Deliveries read before they were due, which have no delivery time: the clocks disagree. \
         By more than `clock_bound_ms`, that makes the run invalid. Blank if somebody else fills the \
         feed and its messages have no times.",
    ),
    setting(Text, "connections", |r| Value::words(r.run.http.connections.name())).means(
        "How connections were used: `own`, one for each subscriber, or `shared`, where many \
         subscribers are streams of one connection; `connections_opened` says how many there were.",
    ),
    // Appended: the faults of the run and their outcome. Blank in runs without faults.
    setting(Text, "faults", |r| Value::words(r.run.faults.to_string())).means(
        "The faults of the run: the keys of `[faults]` that differ from their defaults. Blank if \
         none does.",
    ),
    measured(Decimal, "delivered_ratio", |r| {
        Value::computed(r.measurement.delivered_ratio())
    })
    .higher_is_better()
    .means(
        "With faults: `received`, divided by `published` times the subscribers asked for, 0 to 1; \
         a subscriber that never connected counts as having received nothing. With `poll_cursor` \
         false: `received` divided by `expected`.",
    ),
    measured(Integer, "missed_signalled", |r| {
        Value::count(faults(r, |_| Some(r.measurement.missed()?.signalled)))
    })
    .lower_is_better()
    .means(
        "With faults: deliveries due and not made that the subscriber knows of: a gap told it, or \
         it was cut off until the end.",
    ),
    measured(Integer, "missed_silently", |r| {
        Value::count(r.measurement.missed().map(|missed| missed.silently))
    })
    .lower_is_better()
    .means(
        "With faults: deliveries due and not made to subscribers that believe they have \
         everything. Anything but 0 makes the run invalid, unless `poll_cursor` is false or there is \
         a `target`: then such losses are what the run measures.",
    ),
    measured(Decimal, "back_99_ms", |r| {
        Value::computed(faults(r, |faults| faults.back_99).map(|back| back.as_secs_f64() * 1e3))
    })
    .unit("ms")
    .lower_is_better()
    .means(
        "With faults: from a fault to the time at which 99 % of the subscribers that it cut off \
         were subscribed again. Blank if it cut off nobody, or if more than 1 % never came back.",
    ),
    measured(Integer, "reconnects_peak_per_s", |r| {
        Value::count(faults(r, |faults| faults.reconnects_peak_per_s))
    })
    .unit("1/s")
    .lower_is_better()
    .means("With faults: the most subscriptions that came back within one second."),
    setting(Text, "reconnect", |r| Value::words(r.run.reconnect.to_string())).means(
        "How subscribers waited before they reconnected: the keys of `[reconnect]` that apply.",
    ),
    // Appended: what the machine did during the run beside it.
    measured(Decimal, "other_cpu_ratio", |r| {
        Value::computed(r.measurement.other_load.other_ratio)
    })
    .means(
        "Share of the usable cores' processor time that processes other than the two ends (and a \
         proxy between them) used in the window, 0 to 1.",
    ),
    measured(Decimal, "steal_cpu_ratio", |r| {
        Value::computed(r.measurement.other_load.steal_ratio)
    })
    .means(
        "Share of the usable cores' processor time that a hypervisor took in the window, 0 to \
        1.",
    ),
    measured(Decimal, "cpu_pressure_ratio", |r| {
        Value::computed(r.measurement.other_load.pressure_ratio)
    })
    .means(
        "Share of the window in which some task of the machine, of the run or not, waited for a \
         core, 0 to 1 (`/proc/pressure/cpu`, `some`).",
    ),
    measured(Boolean, "disturbed", |r| {
        r.measurement.other_load.is_disturbed().map_or(Value::Blank, Value::Boolean)
    })
    .means(
        "`true` if `other_cpu_ratio` and `steal_cpu_ratio` together are above 0.05: then the \
         machine may explain the delays. Blank if neither is known.",
    ),
    measured(Text, "disturbed_reason", |r| {
        r.measurement.other_load.reason().map_or(Value::Blank, Value::words)
    })
    .means(
        "What took the processor time of a disturbed run, with the busiest processes if they \
        are known.",
    ),
    // Appended: the setting of Socket.IO.
    setting(Text, "socket_io_mode", |r| {
        r.run.socket_io_mode.map_or(Value::Blank, |mode| Value::words(mode.name()))
    })
    .means(
        "Socket.IO: what carried the session, `polling`, `websocket` or `upgrade` (requests first, \
        then a WebSocket).",
    ),
    // Appended: what the subscribers sent. Blank in runs in which they send nothing.
    setting(Decimal, "upstream_rate_per_s", |r| {
        r.run.upstream.map_or(Value::Blank, |upstream| Value::exact(upstream.rate))
    })
    .unit("1/s")
    .means("Messages per second that each subscriber sent, on average."),
    setting(Text, "upstream_to", |r| {
        r.run.upstream.map_or(Value::Blank, |upstream| Value::words(upstream.to.name()))
    })
    .means(
        "Who received them: `chat`, everybody, as messages of the feed; `others`, everybody but \
         the sender; `direct`, one other subscriber; `echo`, nobody, the server acknowledged them.",
    ),
    setting(Integer, "upstream_payload_bytes", |r| {
        Value::count(r.run.upstream.map(|upstream| upstream.payload.bytes as u64))
    })
    .unit("B")
    .means("Bytes of the payload of one of these messages."),
    measured(Integer, "upstream_sent", |r| sent_count(r, |sent| sent.sent))
        .means("Messages that the subscribers had to send in the window."),
    measured(Decimal, "upstream_ack_p50_us", |r| sent_delay(r, |sent| &sent.ack, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Acknowledgement, median: from when a message was due at its sender to the last byte \
             of the server's answer.",
        ),
    measured(Decimal, "upstream_ack_p99_us", |r| sent_delay(r, |sent| &sent.ack, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Acknowledgement, 99th percentile."),
    measured(Decimal, "upstream_echo_p50_us", |r| sent_delay(r, |sent| &sent.echo, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Own echo, median: from when a message was due at its sender to its last byte read by \
             the sender itself over its subscription. Blank with `echo`, which publishes nothing.",
        ),
    measured(Decimal, "upstream_echo_p99_us", |r| sent_delay(r, |sent| &sent.echo, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Own echo, 99th percentile."),
    measured(Decimal, "upstream_others_p50_us", |r| others(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Others, median: from when a message was due at its sender to its last byte read by \
             each other subscriber. Blank with `echo`.",
        ),
    measured(Decimal, "upstream_others_p99_us", |r| others(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Others, 99th percentile."),
    measured(Decimal, "upstream_requests_per_message", |r| {
        Value::computed(sent(r).and_then(UpstreamRecord::requests_per_message))
    })
    .lower_is_better()
    .means(
        "HTTP requests for each message sent, repeats included; 0 where a frame carries it, less \
         than 1 where a request carries several (Socket.IO).",
    ),
    measured(Decimal, "upstream_bytes_per_message", |r| {
        Value::computed(sent(r).and_then(UpstreamRecord::bytes_per_message))
    })
    .unit("B")
    .lower_is_better()
    .means(
        "Bytes of one message sent and its acknowledgement, both ways, headers and framing \
         included, without TLS. Where polls bring the acknowledgements (Socket.IO), a poll that \
         brings nothing else counts with them. Blank where several subscribers share a \
         connection, and for sockets over HTTP/2.",
    ),
    measured(Integer, "upstream_refused", |r| sent_count(r, |sent| sent.refused))
        .lower_is_better()
        .means("Messages sent that the server refused."),
    measured(Integer, "upstream_unacknowledged", |r| {
        sent_count(r, UpstreamRecord::unacknowledged)
    })
    .lower_is_better()
    .means(
        "Messages sent that the server neither acknowledged nor refused: not within 10 s of the \
         time at which they were due, or not before the end of the drain.",
    ),
    measured(Integer, "upstream_repeated", |r| sent_count(r, |sent| sent.repeated))
        .lower_is_better()
        .means(
            "How often a message was sent again, with the same idempotency key, because its \
             connection had broken before the acknowledgement.",
        ),
    measured(Integer, "upstream_late", |r| sent_count(r, |sent| sent.late))
        .lower_is_better()
        .means(
            "Messages that were handed to a connection more than 5 ms after they were due: it was \
             busy or broken, or the load generator was late.",
        ),
    measured(Integer, "upstream_second_connections", |r| {
        sent_count(r, |sent| sent.second_connections)
    })
    .lower_is_better()
    .means(
        "Connections opened to send over, beside those of the subscriptions, from the start of \
         the run to its end; they are in `connections_opened` too.",
    ),
    // Appended: binary payloads.
    measured(Integer, "damaged", |r| Value::count(r.measurement.damaged()))
        .lower_is_better()
        .means(
            "Messages that arrived with other bytes than were sent: bad Base64 or a wrong \
             checksum. They are not in `received`. Blank if somebody else fills the feed.",
        ),
    setting(Text, "payload_kind", |r| {
        published(r, || Value::words(r.run.payload.kind().name()))
    })
    .means(
        "What a payload of the feed's publisher was: `json`, or `binary`, which travels in Base64 \
         where a transport carries text. Blank in files from before there were binary ones.",
    ),
    setting(Text, "upstream_payload_kind", |r| {
        let kind = r.run.upstream.map(|upstream| upstream.payload.kind);
        kind.map_or(Value::Blank, |kind| Value::words(kind.name()))
    })
    .means("What a payload of the subscribers was: `json` or `binary`."),
    // Appended: mistakes that tutorials teach.
    setting(Text, "timers", |r| published(r, || Value::words(r.run.timers.name()))).means(
        "How many timers published, each `rate_per_s` messages per second to everybody: `one`, or \
         `per-connection`, one for each subscriber.",
    ),
    setting(Boolean, "poll_cursor", |r| {
        r.run.poll_cursor.map_or(Value::Blank, Value::Boolean)
    })
    .means(
        "Long polling: whether each poll carried the cursor of the last answer. Without it, what \
         was published between two polls was lost, and the subscriber was not told.",
    ),
    setting(Decimal, "push_timer_us", |r| r.run.push_timer.map_or(Value::Blank, Value::micros))
        .unit("µs")
        .means(
            "Transports that push: the period of the timer of each connection at whose ticks the \
             server pushed; 0: none, each message was pushed when it was published.",
        ),
    // Appended: feeds in databases.
    setting(Text, "store", |r| match r.run.target {
        // How another server keeps its feed is not known.
        Some(_) => Value::Blank,
        None => Value::words(r.run.store.name()),
    })
    .means(
        "Where the server kept the feed: `memory`, `sqlite`, `postgres` or `mysql` (MariaDB, too). \
         Blank in files from before there were stores: memory.",
    ),
    setting(Text, "short_polling_mode", |r| {
        r.run.short_polling_mode.map_or(Value::Blank, |mode| Value::words(mode.name()))
    })
    .means(
        "Short polling: what each poll asked for: `cursor`, what was after its cursor; `table`, \
         the same, read from the database; `whole`, all messages, read from the database. The \
         subscriber counts a message once, and an answer in which nothing is new as empty.",
    ),
    measured(Decimal, "store_queries_per_s", |r| {
        Value::computed(r.measurement.store_queries_per_s())
    })
    .unit("1/s")
    .lower_is_better()
    .means(
        "Statements that the server sent to its database in the window, those that begin and commit a \
         transaction included; blank without a database, as the columns after it.",
    ),
    measured(Decimal, "store_queries_per_message", |r| {
        Value::computed(r.measurement.store_queries_per_message())
    })
    .lower_is_better()
    .means("Statements in the window for each delivery received."),
    measured(Decimal, "store_rows_per_message", |r| {
        Value::computed(r.measurement.store_rows_per_message())
    })
    .lower_is_better()
    .means(
        "Messages that the server read from its database in the window, for each delivery received.",
    ),
    measured(Decimal, "store_commit_p50_us", |r| commit(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "Commit, 50th percentile: from when a transaction that writes messages began to wait for \
             its connection to the answer of the database to its commit.",
        ),
    measured(Decimal, "store_commit_p99_us", |r| commit(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("Commit, 99th percentile."),
    measured(Integer, "replayed_from_store", |r| {
        Value::count(r.measurement.store.as_ref().map(|store| store.counts.replayed))
    })
    .means(
        "Messages that the server handed to subscribers in the window and had read from its database \
         rather than from memory; one that a subscriber gets again counts again.",
    ),
    // Appended: who speaks HTTP for the server.
    setting(Text, "http_stack", |r| {
        r.run.http_stack.map_or(Value::Blank, |stack| Value::words(stack.name()))
    })
    .means(
        "Over HTTP/1.1: who read requests at the server and wrote their answers: `own`, the server \
         itself for the plain `GET` requests of feeds and hyper for all others, or `hyper` for all. \
         Blank over HTTP/2, which hyper serves, and in files from before there was a choice; files \
         are compared as if it was `own` there.",
    ),
    measured(Decimal, "all_connected_s", |r| {
        Value::computed(r.measurement.all_connected.map(|time| time.as_secs_f64()))
    })
    .unit("s")
    .lower_is_better()
    .means(
        "From the start of the ramp, when the first subscriber dials, to the first cursor of the \
         last one. At least about `ramp_s`. Blank if some subscribers never got one.",
    ),
    // Appended: the unit for the cost of servers, measured on the same machine at that time.
    measured(Decimal, "server_cpu_floor_us", |r| Value::micros(r.measurement.server_cpu_floor))
        .unit("µs")
        .means(
            "The floor: processor time of one bare write, user and system, without a protocol, to as \
             many connections as there were subscribers, 1,000 at most; the mean of a measurement \
             before the server started and one after it stopped.",
        ),
    measured(Decimal, "server_cpu_floor_ratio", |r| {
        Value::computed(r.measurement.server_cpu_floor_ratio())
    })
    .lower_is_better()
    .means("`server_cpu_us_per_message` in multiples of the floor."),
    // Appended: other servers than our own.
    setting(Text, "target", |r| {
        r.run.target.as_ref().map_or(Value::Blank, |target| Value::words(target.name()))
    })
    .means("The server that was measured, by the name in its target file. Blank: our own."),
    // Appended: how the load generator publishes to servers of others. Blank with wirebench's own.
    measured(Decimal, "publish_accepted_p50_us", |r| accepted(r, 50.0))
        .unit("µs")
        .lower_is_better()
        .means(
            "With a target: from when a message was due to the answer that accepted it, 50th \
             percentile. Blank if a command publishes, which does not tell.",
        ),
    measured(Decimal, "publish_accepted_p99_us", |r| accepted(r, 99.0))
        .unit("µs")
        .lower_is_better()
        .means("With a target: the same, 99th percentile."),
    measured(Integer, "publish_refused", |r| {
        Value::count(r.measurement.publishing.as_ref().map(|publishing| publishing.refused))
    })
    .lower_is_better()
    .means(
        "With a target: messages due in the window that it refused: it took no connection, or \
         answered with another status. They are not in `published`.",
    ),
    // Appended: subscribers on other hosts than the server.
    measured(Decimal, "clock_bound_ms", |r| {
        Value::computed(r.measurement.clock_bound.map(|bound| bound.as_secs_f64() * 1e3))
    })
    .unit("ms")
    .means(
        "Several hosts: the most by which the clock of a subscriber differed from that of the \
         server. A `delivery_…` value below it is blank, and the minimum, the mean and the standard \
         deviation as well if a message arrived before it was due; of `upstream_others_…`, what is \
         below twice the bound. Blank if all have one clock.",
    ),
    setting(Decimal, "probe_rate_per_s", |r| match r.run.probe_rate {
        none if none <= 0.0 => Value::Blank,
        rate => Value::exact(rate),
    })
    .unit("1/s")
    .means(
        "Probes per second that each agent published: messages of the feed like any other, of which \
         the subscribers on the same host tell the age by one clock. Blank if there were none.",
    ),
    measured(Integer, "same_host_count", |r| {
        Value::count(probes(r).map(|probes| probes.same_host.len()))
    })
    .means("Deliveries of probes of the window to subscribers on the host that published them."),
    measured(Decimal, "same_host_p50_ms", |r| same_host(r, 50.0))
        .unit("ms")
        .lower_is_better()
        .means(
            "Same host, median: from when a probe was due at its agent to its last byte read by each \
             subscriber on that host, by one clock. The way to the server is part of it.",
        ),
    measured(Decimal, "same_host_p99_ms", |r| same_host(r, 99.0))
        .unit("ms")
        .lower_is_better()
        .means("Same host, 99th percentile."),
    // Appended: several servers with one feed.
    setting(Integer, "servers", |r| match r.run.target {
        // Of how many processes or machines another server consists is not known.
        Some(_) => Value::Blank,
        None => Value::Integer(r.run.instances as u64),
    })
    .means(
        "The servers that shared the feed, over NATS if there were several, and the subscribers among \
         them. Processor time and memory of the server are the sums of all; those of NATS are not in \
         them. The columns that begin with `store` say then what was asked of NATS. Blank with a target, and in files from before there could be several: 1.",
    ),
    setting(Integer, "backbone_servers", |r| {
        Value::count(r.run.backbone_servers.map(|servers| servers as u64))
    })
        .means(
            "The NATS servers that the run started, each of which keeps every message of the feed. Blank \
             with one server, and if the run used a NATS that was there already. Its faults are in the \
             column `faults`.",
        ),
];

/// Returns the column of this name.
pub(crate) fn run_column(name: &str) -> Option<&'static RunColumn> {
    COLUMNS.iter().find(|column| column.name == name)
}

/// Returns the setting of this name.
pub fn setting_column(name: &str) -> Option<&'static RunColumn> {
    run_column(name).filter(|column| column.role == Role::Setting)
}

/// Returns a setting of what is published. Blank if somebody else publishes.
fn published(r: &RunRecord<'_>, value: impl FnOnce() -> Value) -> Value {
    if r.run.is_watched() { Value::Blank } else { value() }
}

fn delivery(r: &RunRecord<'_>, percentile: f64) -> Value {
    Value::micros(r.measurement.delivery().percentile(percentile))
}

fn connect(r: &RunRecord<'_>, percentile: f64) -> Value {
    Value::micros(r.measurement.seen.connect.percentile(percentile))
}

fn accepted(r: &RunRecord<'_>, percentile: f64) -> Value {
    let publishing = r.measurement.publishing.as_ref();
    Value::micros(publishing.and_then(|publishing| publishing.accepted.percentile(percentile)))
}

fn commit(r: &RunRecord<'_>, percentile: f64) -> Value {
    Value::micros(
        r.measurement.store.as_ref().and_then(|store| store.commit.percentile(percentile)),
    )
}

fn server<T>(r: &RunRecord<'_>, take: impl FnOnce(ServerCost) -> T) -> Option<T> {
    r.measurement.server.map(take)
}

fn sent<'a>(r: &RunRecord<'a>) -> Option<&'a UpstreamRecord> {
    r.run.upstream.map(|_| &r.measurement.seen.upstream)
}

fn sent_count(r: &RunRecord<'_>, take: impl FnOnce(&UpstreamRecord) -> u64) -> Value {
    Value::count(sent(r).map(take))
}

fn sent_delay(
    r: &RunRecord<'_>,
    take: impl FnOnce(&UpstreamRecord) -> &Latency,
    percentile: f64,
) -> Value {
    Value::micros(sent(r).and_then(|sent| take(sent).percentile(percentile)))
}

fn probes<'a>(r: &RunRecord<'a>) -> Option<&'a ProbeRecord> {
    (r.run.probe_rate > 0.0).then_some(&r.measurement.seen.probes).filter(|probes| probes.due > 0)
}

fn same_host(r: &RunRecord<'_>, percentile: f64) -> Value {
    let delay = probes(r).and_then(|probes| probes.same_host.percentile(percentile));
    Value::computed(delay.map(|delay| delay.as_secs_f64() * 1e3))
}

fn others(r: &RunRecord<'_>, percentile: f64) -> Value {
    Value::micros(sent(r).and_then(|_| r.measurement.upstream_others().percentile(percentile)))
}

fn faults<T>(r: &RunRecord<'_>, take: impl FnOnce(FaultOutcome) -> Option<T>) -> Option<T> {
    r.measurement.faults.and_then(take)
}

#[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 16 digits")]
fn payload_bytes(r: &RunRecord<'_>) -> Value {
    let seen = &r.measurement.seen;
    // Repeats carry bytes and are not counted in either.
    match r.run.payload {
        Payload::Bytes(bytes) | Payload::Binary(bytes) => Value::exact(bytes as f64),
        Payload::File(_) => Value::computed(seen.payload_bytes as f64 / seen.received as f64),
    }
}

fn payload_source(r: &RunRecord<'_>) -> Value {
    match &r.run.payload {
        Payload::Bytes(_) | Payload::Binary(_) => Value::Blank,
        Payload::File(path) => Value::words(path.to_string_lossy()),
    }
}

fn invalid_reason(r: &RunRecord<'_>) -> Value {
    let reasons: Vec<String> = r.measurement.invalid.iter().map(ToString::to_string).collect();
    Value::words(reasons.join("; "))
}

fn pace(pace: Pace) -> String {
    match pace {
        Pace::Steady => "steady".to_owned(),
        Pace::Exact => "exact".to_owned(),
        Pace::Poisson => "poisson".to_owned(),
        Pace::Burst(size) => format!("burst-{size}"),
    }
}

fn headers(headers: Headers) -> &'static str {
    match headers {
        Headers::Browser => "browser",
        Headers::Bare => "bare",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::PathBuf;
    use std::time::Duration;

    use wirebench_measure::{DISTURBED_CPU_RATIO, OtherLoad, PublishRecord, Recorder, StoreCost};
    use wirebench_scenario::{Audience, SentPayload, Upstream};

    use super::*;
    use crate::row::Row;
    use crate::testing::{busy_neighbour, measurement, record, run, sent_and_received, store_cost};

    /// The header as the design fixes it.
    const FIXED: &str = "schema_version,scenario,run_id,repeat,transport,http_version,tls,\
        subscribers,rate_per_s,payload_bytes,link_delay_us,poll_interval_us,hold_us,duration_s,\
        published,expected,received,missing,duplicate,out_of_order,gaps,delivery_min_us,\
        delivery_mean_us,delivery_stddev_us,delivery_p50_us,delivery_p75_us,delivery_p90_us,\
        delivery_p95_us,delivery_p99_us,delivery_p999_us,delivery_max_us,connect_p50_us,\
        connect_p99_us,requests,empty_responses,connections_attempted,connections_opened,\
        connections_peak,reconnects,bytes_up,bytes_down,bytes_per_message,overhead_ratio,\
        server_cpu_s,server_cpu_us_per_message,server_rss_idle_bytes,server_rss_peak_bytes,\
        server_rss_per_subscriber_bytes,loadgen_cpu_s,loadgen_cpu_ratio,\
        loadgen_rss_peak_bytes,late_publishes,valid,invalid_reason";

    #[test]
    fn the_fixed_columns_come_first_and_in_their_order() {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        let fixed: Vec<&str> = FIXED.split(',').collect();
        assert_eq!(fixed.len(), FIRST_COLUMNS);
        assert_eq!(names[..FIRST_COLUMNS], fixed);
    }

    #[test]
    fn the_columns_that_a_threshold_may_name_are_these() {
        let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        assert!(
            names.starts_with(&wirebench_scenario::COLUMNS),
            "wirebench-scenario lists other columns than wirebench-report writes"
        );
    }

    #[test]
    fn every_column_is_named_once_and_says_what_it_means() {
        let mut names = HashSet::new();
        for column in COLUMNS {
            assert!(names.insert(column.name), "{} stands twice", column.name);
            assert!(column.meaning.ends_with('.'), "{}: {}", column.name, column.meaning);
        }
    }

    #[test]
    fn every_unit_stands_at_the_end_of_the_name() {
        for Column { name, unit, .. } in COLUMNS {
            let ending = match *unit {
                "" => continue,
                "1/s" => "_per_s",
                "B" if name.ends_with("bytes_per_message") || name.starts_with("bytes_") => {
                    continue;
                }
                "B" => "_bytes",
                "s" => "_s",
                "ms" => "_ms",
                "µs" if *name == "server_cpu_us_per_message" => continue,
                "µs" => "_us",
                other => panic!("{name}: unknown unit {other}"),
            };
            assert!(name.ends_with(ending), "{name} in {unit}");
        }
    }

    #[test]
    fn every_value_is_of_its_columns_kind() {
        let (run, measurement) = (run(), measurement());
        for column in COLUMNS {
            let value = (column.extract)(&record(&run, &measurement));
            assert_eq!(
                Value::parse(&value.to_string(), column.value_type).as_ref(),
                Some(&value),
                "{}",
                column.name
            );
        }
    }

    #[test]
    fn what_was_not_measured_is_blank_and_what_is_nought_is_nought() {
        let measurement = Measurement {
            published: None,
            server: None,
            all_connected: None,
            server_cpu_floor: None,
            seen: Recorder::new(),
            other_load: OtherLoad::default(),
            ..measurement()
        };
        let row = Row::of(&record(&run(), &measurement));
        for blank in [
            "published",
            "expected",
            "missing",
            "delivery_min_us",
            "delivery_mean_us",
            "delivery_p99_us",
            "delivery_max_us",
            "connect_p50_us",
            "bytes_per_message",
            "overhead_ratio",
            "server_cpu_s",
            "server_rss_peak_bytes",
            "late_publishes",
            "invalid_reason",
            "faults",
            "delivered_ratio",
            "missed_signalled",
            "missed_silently",
            "back_99_ms",
            "reconnects_peak_per_s",
            "other_cpu_ratio",
            "steal_cpu_ratio",
            "cpu_pressure_ratio",
            "disturbed",
            "disturbed_reason",
            "socket_io_mode",
            "upstream_rate_per_s",
            "upstream_sent",
            "upstream_ack_p50_us",
            "upstream_requests_per_message",
            "upstream_unacknowledged",
            "upstream_second_connections",
            "store_queries_per_s",
            "store_queries_per_message",
            "store_rows_per_message",
            "store_commit_p50_us",
            "store_commit_p99_us",
            "replayed_from_store",
            "all_connected_s",
            "server_cpu_floor_us",
            "server_cpu_floor_ratio",
        ] {
            assert_eq!(row.value(blank), Some(&Value::Blank), "{blank}");
        }
        for nought in ["received", "duplicate", "requests", "empty_responses"] {
            assert_eq!(row.number(nought), Some(0.0), "{nought}");
        }
    }

    #[test]
    fn delivery_below_the_bound_of_the_clocks_is_blank() {
        let with = |clock_bound| {
            let measurement = Measurement { clock_bound, ..measurement() };
            Row::of(&record(&run(), &measurement))
        };
        let one = with(None);
        assert_eq!(one.value("clock_bound_ms"), Some(&Value::Blank));
        let near = with(Some(Duration::from_micros(1)));
        assert_eq!(near.number("clock_bound_ms"), Some(0.001));
        let far = with(Some(Duration::from_secs(1)));
        for column in ["delivery_min_us", "delivery_mean_us", "delivery_p50_us", "delivery_max_us"]
        {
            assert!(one.number(column).is_some(), "{column}");
            assert_eq!(near.value(column), one.value(column), "{column}");
            assert_eq!(far.value(column), Some(&Value::Blank), "{column}");
        }
        assert_eq!(far.value("connect_p50_us"), one.value("connect_p50_us"), "one clock tells it");
    }

    #[test]
    fn the_delay_on_one_host_is_blank_without_probes() {
        let columns =
            ["same_host_count", "same_host_p50_ms", "same_host_p99_ms", "probe_rate_per_s"];
        let row = Row::of(&record(&run(), &measurement()));
        for column in columns {
            assert_eq!(row.value(column), Some(&Value::Blank), "{column}");
        }
        let (probing, mut measured) = (Run { probe_rate: 5.0, ..run() }, measurement());
        let row = Row::of(&record(&probing, &measured));
        assert_eq!(row.value("same_host_count"), Some(&Value::Blank), "nobody published any");
        measured.seen.probes.due = 10;
        let row = Row::of(&record(&probing, &measured));
        assert_eq!(row.number("same_host_count"), Some(0.0), "none arrived");
        (1..=10).for_each(|ms| measured.seen.probes.same_host.record(Duration::from_millis(ms)));
        let row = Row::of(&record(&probing, &measured));
        assert_eq!(
            (row.number("same_host_count"), row.number("probe_rate_per_s")),
            (Some(10.0), Some(5.0))
        );
        let median = row.number("same_host_p50_ms").unwrap();
        assert!((median - 5.0).abs() < 0.01, "{median}");
        assert_eq!(row.value("same_host_p99_ms"), Some(&Value::Blank), "10 are too few");
    }

    #[test]
    fn the_cost_of_a_message_is_the_floor_times_its_ratio() {
        let row = Row::of(&record(&run(), &measurement()));
        let number = |column| row.number(column).unwrap();
        let product = number("server_cpu_floor_us") * number("server_cpu_floor_ratio");
        assert!((product - number("server_cpu_us_per_message")).abs() < 1e-3, "{product}");
        let remote = Measurement { server: None, server_cpu_floor: None, ..measurement() };
        let row = Row::of(&record(&run(), &remote));
        for blank in ["server_cpu_floor_us", "server_cpu_floor_ratio"] {
            assert_eq!(row.value(blank), Some(&Value::Blank), "{blank}");
        }
    }

    #[test]
    fn what_subscribers_sent_is_nought_only_if_they_sent() {
        let upstream = Upstream { rate: 0.5, to: Audience::Nobody, payload: SentPayload::json(64) };
        let chat = Run { upstream: Some(upstream), ..run() };
        let row = Row::of(&record(&chat, &measurement()));
        assert_eq!(row.number("upstream_rate_per_s"), Some(0.5));
        assert_eq!(row.text("upstream_to"), Some("echo"));
        assert_eq!(row.number("upstream_unacknowledged"), Some(0.0));
        assert_eq!(row.value("upstream_echo_p50_us"), Some(&Value::Blank));
        let sent = Measurement { seen: sent_and_received(), ..measurement() };
        let row = Row::of(&record(&chat, &sent));
        assert_eq!(row.number("upstream_sent"), Some(40.0));
        assert_eq!(row.number("upstream_requests_per_message"), Some(1.05));
        assert_eq!(row.number("upstream_bytes_per_message"), Some(500.0));
        assert!(row.number("upstream_ack_p50_us") > Some(50_000.0));
        assert_eq!(row.value("upstream_ack_p99_us"), Some(&Value::Blank), "40 are too few");
    }

    #[test]
    fn what_a_store_did_is_nought_only_if_there_is_one() {
        let nothing = Measurement { store: Some(StoreCost::default()), ..measurement() };
        let row = Row::of(&record(&run(), &nothing));
        for nought in ["store_queries_per_s", "store_rows_per_message", "replayed_from_store"] {
            assert_eq!(row.number(nought), Some(0.0), "{nought}");
        }
        assert_eq!(row.value("store_commit_p50_us"), Some(&Value::Blank), "nothing was committed");

        let with = Measurement { store: Some(store_cost()), ..measurement() };
        let row = Row::of(&record(&run(), &with));
        assert_eq!(row.number("store_queries_per_s"), Some(120.0));
        assert_eq!(row.number("store_queries_per_message"), Some(4.0));
        assert_eq!(row.number("store_rows_per_message"), Some(1.5));
        assert_eq!(row.number("replayed_from_store"), Some(33.0));
        let median = row.number("store_commit_p50_us").unwrap();
        assert!((median - 500.0).abs() < 1.0, "{median}");
        assert_eq!(row.value("store_commit_p99_us"), Some(&Value::Blank), "10 are too few");
    }

    #[test]
    fn how_publishing_went_is_nought_only_if_the_load_generator_published() {
        let mut publishing = PublishRecord::default();
        let own = Row::of(&record(&run(), &measurement()));
        for blank in ["publish_accepted_p50_us", "publish_accepted_p99_us", "publish_refused"] {
            assert_eq!(own.value(blank), Some(&Value::Blank), "{blank}");
        }
        let row = |publishing: &PublishRecord| {
            let publishing = Some(publishing.clone());
            Row::of(&record(&run(), &Measurement { publishing, ..measurement() }))
        };
        assert_eq!(row(&publishing).number("publish_refused"), Some(0.0));
        assert_eq!(row(&publishing).value("publish_accepted_p50_us"), Some(&Value::Blank));
        (1..=10).for_each(|millis| publishing.accepted.record(Duration::from_millis(millis)));
        publishing.refused = 3;
        let row = row(&publishing);
        assert_eq!(row.number("publish_refused"), Some(3.0));
        let median = row.number("publish_accepted_p50_us").unwrap();
        assert!((median - 5_000.0).abs() < 10.0, "{median}");
        assert_eq!(row.value("publish_accepted_p99_us"), Some(&Value::Blank), "10 are too few");
    }

    #[test]
    fn a_disturbed_run_says_by_whom_and_stays_valid() {
        let disturbed = Measurement { other_load: busy_neighbour(), ..measurement() };
        let row = Row::of(&record(&run(), &disturbed));
        assert!(row.is_valid());
        assert_eq!(row.number("other_cpu_ratio"), Some(0.45));
        assert_eq!(row.value("disturbed"), Some(&Value::Boolean(true)));
        assert_eq!(
            row.disturbance(),
            Some("another process used 0.90 of 2 cores: pid 123, stress-ng")
        );
        let calm = Row::of(&record(&run(), &measurement()));
        assert_eq!(calm.value("disturbed"), Some(&Value::Boolean(false)));
        assert_eq!(calm.disturbance(), None);
    }

    #[test]
    fn the_meaning_of_disturbed_names_the_constant() {
        let column = COLUMNS.iter().find(|column| column.name == "disturbed").unwrap();
        assert!(column.meaning.contains(&format!(" {DISTURBED_CPU_RATIO}:")), "{}", column.meaning);
    }

    #[test]
    fn a_replayed_file_has_the_mean_size_of_what_was_received() {
        let replayed = Run { payload: Payload::File(PathBuf::from("quotes.jsonl")), ..run() };
        let row = Row::of(&record(&replayed, &measurement()));
        assert_eq!(row.text("payload_source"), Some("quotes.jsonl"));
        assert_eq!(row.number("payload_bytes"), Some(256.0));
        let nothing = Measurement { seen: Recorder::new(), ..measurement() };
        let row = Row::of(&record(&replayed, &nothing));
        assert_eq!(row.value("payload_bytes"), Some(&Value::Blank));
    }
}
