//! Two clocks over real connections: the true offset has to be within the bound.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use wirebench_protocol::Timestamp;

use super::measure::measure_from;
use super::server::MAX_CONNECTIONS;
use super::*;

const DEADLINE: Duration = Duration::from_secs(30);

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

/// Starts a server whose clock is ahead of this host's.
async fn server_ahead_by(ahead_ns: i64) -> ClockServer {
    let clock = move || Timestamp::host_now().shifted(ahead_ns);
    ClockServer::with_clock(listen().await, clock).unwrap()
}

/// Forwards connections to `server`, with a delay for each direction.
struct SlowLink {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl SlowLink {
    async fn to(server: SocketAddr, there: Duration, back: Duration) -> Self {
        let listener = listen().await;
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(server).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.split(), server.split());
                let _ = tokio::join!(
                    forward(from_client, to_server, there),
                    forward(from_server, to_client, back)
                );
            }
        });
        Self { address, _task: AbortOnDropHandle::new(task) }
    }
}

/// Forwards each piece after a delay. Pieces do not overtake each other, and one at a time is under
/// way.
async fn forward(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let mut bytes = [0; 256];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        sleep(delay).await;
        to.write_all(&bytes[..read]).await?;
    }
}

/// Returns by how much a measurement is wrong.
fn error(measured: ClockOffset, ahead_ns: i64) -> Duration {
    Duration::from_nanos(measured.offset_ns.abs_diff(ahead_ns))
}

#[tokio::test]
async fn the_true_offset_is_within_the_bound_whichever_way_is_slow() {
    const HOUR_NS: i64 = 3_600_000_000_000;
    let millis = Duration::from_millis;
    for (ahead_ns, there, back) in [
        (0, millis(0), millis(0)),
        (HOUR_NS, millis(20), millis(0)),
        (-1_000_000, millis(0), millis(20)),
        (-7, millis(4), millis(16)),
    ] {
        let server = server_ahead_by(ahead_ns).await;
        let link = SlowLink::to(server.address(), there, back).await;
        let address = link.address.to_string();
        let measuring = measure_from(&address, Timestamp::host_now);
        let measured = timeout(DEADLINE, measuring).await.unwrap().unwrap();
        let case = format!("{ahead_ns} ns, {there:?} there, {back:?} back: {measured:?}");
        assert!(measured.round_trip >= there + back, "{case}");
        assert!(error(measured, ahead_ns) <= measured.bound(), "{case}");
    }
}

#[tokio::test]
async fn the_least_round_trip_decides() {
    // Each reading of the client's clock after a question is one second late, but for one sample:
    // only that one can show the offset to less than half a second.
    let reading = std::sync::atomic::AtomicUsize::new(0);
    let clock = || {
        let reading = reading.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let is_answer = reading % 2 == 1;
        let late = if is_answer && reading != 21 { 1_000_000_000 } else { 0 };
        Timestamp::host_now().shifted(late)
    };
    let server = server_ahead_by(5_000_000_000).await;
    let address = server.address().to_string();
    let measured = timeout(DEADLINE, measure_from(&address, clock)).await.unwrap().unwrap();
    assert!(measured.round_trip < Duration::from_secs(1), "{measured:?}");
    assert!(error(measured, 5_000_000_000) <= measured.bound(), "{measured:?}");
}

#[tokio::test]
async fn the_clock_of_the_host_is_measured_whatever_the_shift() {
    let server = ClockServer::start(listen().await).unwrap();
    let address = server.address().to_string();
    let measured = timeout(DEADLINE, measure_offset(&address)).await.unwrap().unwrap();
    assert!(error(measured, 0) <= measured.bound(), "{measured:?}");
    assert!(HostClock::read().is_some());
    assert_eq!(HostClock::read(), HostClock::read());
}

#[tokio::test]
async fn what_is_no_clock_server_is_named() {
    let listener = listen().await;
    let address = listener.local_addr().unwrap().to_string();
    let other = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\nBye.").await.unwrap();
        socket
    };
    let (measured, _socket) =
        timeout(DEADLINE, async { tokio::join!(measure_offset(&address), other) }).await.unwrap();
    assert!(matches!(measured, Err(ClockError::Foreign { .. })), "{measured:?}");
    drop(listener);
    let refused = timeout(DEADLINE, measure_offset(&address)).await.unwrap();
    assert!(matches!(refused, Err(ClockError::Connection { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_server_answers_no_other_protocol_and_only_so_many_at_once() {
    let server = server_ahead_by(0).await;
    let mut stranger = TcpStream::connect(server.address()).await.unwrap();
    stranger.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let mut bytes = [0; 1];
    let read = timeout(DEADLINE, stranger.read(&mut bytes)).await.unwrap();
    assert!(!matches!(read, Ok(1..)), "{read:?}");

    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(TcpStream::connect(server.address()).await.unwrap());
    }
    let address = server.address().to_string();
    let mut waiting = std::pin::pin!(measure_offset(&address));
    // One of them has to end before the next is answered, which takes it well under its deadline.
    let early = timeout(Duration::from_millis(200), waiting.as_mut()).await;
    assert!(early.is_err(), "{early:?}");
    idle.pop();
    let measured = timeout(DEADLINE, waiting).await.unwrap();
    assert!(measured.is_ok(), "{measured:?}");
}

#[tokio::test]
async fn a_dropped_server_ends_its_connections() {
    let server = server_ahead_by(0).await;
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    drop(server);
    let mut bytes = [0; 1];
    let read = timeout(DEADLINE, socket.read(&mut bytes)).await.unwrap();
    assert!(!matches!(read, Ok(1..)), "{read:?}");
}
