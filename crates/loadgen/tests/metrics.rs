//! The metrics of the server agree with what its clients have counted.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use support::{Bench, TIMEOUT, until, within};
use wirebench_loadgen::{HttpClient, SubscriberSettings, Target, subscribe};
use wirebench_measure::Event;
use wirebench_protocol::{After, Seq, SocketIoMode, Transport};

/// What one client has counted.
#[derive(Debug, Default)]
struct Seen {
    requests: u64,
    empty: u64,
    messages: u64,
    gaps: u64,
}

/// The last message that is published. A client that has it goes away, with nothing under way in
/// either direction.
const LAST: Seq = 35;

/// Follows a feed up to its last message. Adds one to `subscribed` when it is.
async fn watch(
    transport: Transport,
    client: &HttpClient,
    target: &Target,
    after: After,
    subscribed: &AtomicU64,
) -> Seen {
    // A session that upgrades may still be about to do so when the last message arrives.
    let settings = SubscriberSettings {
        interval: Duration::from_millis(50),
        socket_io_mode: SocketIoMode::WebSocket,
        ..SubscriberSettings::default()
    };
    let mut events = subscribe(transport, client, target, after, &settings);
    let mut seen = Seen::default();
    loop {
        match events.next().await.unwrap().unwrap() {
            Event::Request { .. } => seen.requests += 1,
            Event::Empty { .. } => seen.empty += 1,
            Event::Gap { .. } => seen.gaps += 1,
            // Opening a stream or a WebSocket takes a request, too.
            Event::Connected { .. } => {
                seen.requests += u64::from(!transport.polls());
                subscribed.fetch_add(1, SeqCst);
            }
            event @ (Event::Damaged { .. } | Event::Watched(_)) => panic!("{transport}: {event:?}"),
            Event::Closing | Event::Retry { .. } | Event::Upstream(_) => {}
            Event::Received { cursor, .. } => {
                seen.messages += 1;
                if cursor.seq == LAST {
                    return seen;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_scrape_agrees_with_what_the_clients_counted() {
    for transport in Transport::ALL {
        let bench = Bench::start(10);
        bench.publish_numbers(30);
        let client = support::client();
        let target = bench.target();
        // One resumes too late for most of it, one in time for some of it, and two are new.
        let after = [
            After::Cursor(bench.cursor(5)),
            After::Cursor(bench.cursor(26)),
            After::Newest,
            After::Newest,
        ];
        let subscribed = AtomicU64::new(0);
        let watching = after.map(|after| watch(transport, &client, &target, after, &subscribed));
        let watching = join_all(watching);
        let acting = async {
            until("four subscribers", || subscribed.load(SeqCst) == 4).await;
            let open = format!("wirebench_connections_open{{transport=\"{transport}\"}}");
            assert_eq!(metric(&bench, &open), 4, "{transport}");
            bench.publish_numbers(5);
        };
        let (seen, ()) = within(TIMEOUT, transport, async { tokio::join!(watching, acting) }).await;
        until("the end of every connection", || bench.server.connections() == 0).await;

        let of = |name: &str| metric(&bench, &format!("{name}{{transport=\"{transport}\"}}"));
        let sum = |field: fn(&Seen) -> u64| seen.iter().map(field).sum::<u64>();
        assert_eq!(of("wirebench_messages_sent_total"), sum(|seen| seen.messages), "{transport}");
        assert_eq!(of("wirebench_empty_polls_total"), sum(|seen| seen.empty), "{transport}");
        let statuses = [101, 200, 204].map(|status| {
            metric(
                &bench,
                &format!("wirebench_requests_total{{route=\"{transport}\",status=\"{status}\"}}"),
            )
        });
        assert_eq!(statuses.iter().sum::<u64>(), sum(|seen| seen.requests), "{transport}");
        let gaps = metric(
            &bench,
            &format!("wirebench_gaps_total{{kind=\"missed\",transport=\"{transport}\"}}"),
        );
        assert_eq!((gaps, sum(|seen| seen.gaps)), (1, 1), "{transport}");
        let counts = client.dialer().counts();
        assert_eq!(of("wirebench_connections_accepted_total"), counts.opened, "{transport}");
        assert_eq!(of("wirebench_connections_open"), counts.open, "{transport}");
        assert_eq!(of("wirebench_bytes_received_total"), counts.bytes_up, "{transport}");
        assert_eq!(of("wirebench_bytes_sent_total"), counts.bytes_down, "{transport}");
        if !transport.polls() {
            assert_eq!(of("wirebench_replayed_messages_total"), 10 + 4, "{transport}");
        }
        assert_eq!(metric(&bench, "wirebench_fan_out_seconds_count"), LAST, "{transport}");
    }
}

/// Returns the value of a metric, and 0 if it was never counted.
fn metric(bench: &Bench, name: &str) -> u64 {
    let text = bench.server.metrics_text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.parse().unwrap())
}
