//! Probes in a run against the server of this project: their delay by one clock, and that they are
//! messages like any other.
#![expect(clippy::unwrap_used, reason = "helpers of a test may fail loudly")]

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use support::runs::small_run;
use support::{Bench, TIMEOUT, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wirebench_loadgen::{
    ControlClient, CrowdPart, CrowdShare, Drive, LocalPart, ProbeSettings, Prober, Target, drive,
};
use wirebench_measure::{Invalid, Measurement};
use wirebench_protocol::Transport;
use wirebench_protocol::control::Payload;
use wirebench_scenario::Run;
use wirebench_server::ControlApi;

const SUBSCRIBERS: usize = 8;

fn run(transport: Transport, payload: Payload) -> Run {
    Run {
        subscribers: SUBSCRIBERS,
        ramp: Duration::ZERO,
        payload,
        window: 1000,
        probe_rate: 50.0,
        ..small_run(transport)
    }
}

fn probes(host: u64) -> ProbeSettings {
    ProbeSettings { host, rate: 50.0, payload_bytes: 64, seed: host }
}

/// Drives a run whose subscribers are spread over parts, each on the host of this number.
async fn measure(run: &Run, hosts: &[u64]) -> Measurement {
    let bench = Bench::start(1_000);
    let listener = support::listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let control = ControlClient::new(&url, support::TOKEN);
    let serving = ControlApi::new(bench.server.clone(), support::token());
    let serving = tokio::spawn(async move { serving.serve(listener).await });
    let target = bench.target();
    let crowd = parts(run, &target, hosts);
    let drivable = Drive { crowd, ..Drive::new(run, &target, &control, 1) };
    let mut observe = |_| {};
    let measured = within(TIMEOUT, &run.id, drive(drivable, &mut observe)).await;
    serving.abort();
    measured.unwrap_or_else(|error| panic!("{}: {error}", run.id))
}

fn parts(run: &Run, target: &Target, hosts: &[u64]) -> Vec<Arc<dyn CrowdPart>> {
    let count = SUBSCRIBERS / hosts.len();
    let part = |(part, host): (usize, &u64)| -> Arc<dyn CrowdPart> {
        let share = CrowdShare { first: part * count, count, part, parts: hosts.len() };
        Arc::new(LocalPart::new(run, target, share, 1).probing(probes(*host)))
    };
    hosts.iter().enumerate().map(part).collect()
}

/// Returns why a run is invalid, but for what a busy machine does to it.
fn problems(measured: &Measurement) -> Vec<Invalid> {
    let mut problems = measured.judge(SUBSCRIBERS as u64);
    problems.retain(|problem| {
        !matches!(problem, Invalid::GeneratorLate { .. } | Invalid::GeneratorBusy { .. })
    });
    problems
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_transport_brings_the_probes_of_its_own_host() {
    let payloads = [Payload::Bytes(64), Payload::Binary(64)];
    for (transport, payload) in Transport::ALL.into_iter().zip(payloads.into_iter().cycle()) {
        let run = run(transport, payload);
        let measured = measure(&run, &[3]).await;
        let Measurement { seen, published, .. } = &measured;
        let probed = &seen.probes;
        assert_eq!(problems(&measured), [], "{transport}");
        assert!(probed.due > 0 && probed.acknowledged == probed.due, "{transport}: {probed:?}");
        // Those of the warm-up are due, and not in the window.
        let received = probed.same_host.len();
        assert!(received > 0 && received <= probed.due * SUBSCRIBERS as u64, "{transport}");
        assert_eq!(received % SUBSCRIBERS as u64, 0, "{transport}: each has the same probes");
        let in_window = received / SUBSCRIBERS as u64;
        assert!(published.unwrap() >= in_window + 5, "{transport}: the publisher's come on top");
        assert_eq!(seen.received, published.unwrap() * SUBSCRIBERS as u64, "{transport}");
        assert!(probed.same_host.min() > Some(Duration::ZERO), "{transport}");
        assert!(seen.delivery.len() > received, "{transport}: they have a delivery, too");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_of_another_host_is_a_message_like_any_other() {
    let run = run(Transport::Sse, Payload::Bytes(64));
    let apart = measure(&run, &[0, 1]).await;
    let together = measure(&run, &[1, 1]).await;
    for (measured, receivers) in [(&apart, SUBSCRIBERS / 2), (&together, SUBSCRIBERS)] {
        assert_eq!(problems(measured), []);
        let seen = &measured.seen;
        assert_eq!(seen.received, measured.published.unwrap() * SUBSCRIBERS as u64);
        let received = seen.probes.same_host.len();
        assert!(
            received > 0 && received <= seen.probes.due * receivers as u64,
            "{:?}",
            seen.probes
        );
        assert_eq!(received % receivers as u64, 0, "all subscribers of a host have its probes");
    }
}

/// Answers so many requests with 503, and returns when it has.
async fn refuse(listener: &TcpListener, mut requests: usize) {
    let (mut socket, _) = listener.accept().await.unwrap();
    let (mut request, mut bytes) = (Vec::new(), [0; 1_024]);
    while requests > 0 {
        let read = socket.read(&mut bytes).await.unwrap();
        assert!(read > 0, "the connection ended before its answer");
        request.extend_from_slice(&bytes[..read]);
        // The payload is the last of a request, and a quotation mark the last of a payload.
        if request.windows(4).any(|end| end == b"\r\n\r\n") && request.ends_with(b"\"") {
            request.clear();
            let answer = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
            socket.write_all(answer).await.unwrap();
            requests -= 1;
            (socket, _) = listener.accept().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn probes_that_the_server_refuses_are_counted_and_make_a_run_invalid() {
    let listener = support::listen();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let prober = Prober::start(Target::resolve(&url).await.unwrap(), probes(1)).unwrap();
    within(TIMEOUT, "three probes", refuse(&listener, 3)).await;
    drop(listener);
    let record = within(TIMEOUT, "the last answers", prober.finish()).await;
    assert!(record.due >= 3, "{record:?}");
    assert_eq!(record.acknowledged, 0);

    let run = run(Transport::WebSocket, Payload::Bytes(64));
    let mut measured = measure(&run, &[1]).await;
    measured.seen.probes.merge(&record);
    let failed = Invalid::ProbesFailed { failed: record.due, due: measured.seen.probes.due };
    assert_eq!(problems(&measured), [failed]);
}
