//! The dialer, against a peer that counts too.

#[expect(dead_code, reason = "each test uses its part of what they share")]
mod support;

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use support::socket_reads::Reads;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use wirebench_loadgen::{Dialer, MeasuredConnection};
use wirebench_protocol::Timestamp;
use wirebench_scenario::LinkSettings;

const PLAIN: LinkSettings = LinkSettings { delay: Duration::ZERO, jitter: Duration::ZERO };

fn link(delay: u64, jitter: u64) -> LinkSettings {
    LinkSettings { delay: Duration::from_millis(delay), jitter: Duration::from_millis(jitter) }
}

async fn pair(dialer: &Dialer) -> (MeasuredConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let (here, there) = tokio::join!(dialer.dial(address), listener.accept());
    (here.expect("dialled"), there.expect("accepted").0)
}

/// Waits for the peer while reading from `here`, where nothing arrives: reading drives an emulated
/// link.
async fn while_reading<T>(here: &mut MeasuredConnection, peer: impl Future<Output = T>) -> T {
    tokio::select! {
        done = peer => done,
        byte = here.read_u8() => panic!("{byte:?} came from a peer that sent nothing"),
    }
}

#[tokio::test]
async fn bytes_and_connections_are_what_the_peer_counted() {
    for link in [PLAIN, link(5, 3)] {
        let dialer = Dialer::new(link, 1);
        let (mut here, mut there) = pair(&dialer).await;
        let sibling = dialer.sibling(2);
        let other = pair(&sibling).await;
        here.write_all(&vec![7; 100_000]).await.unwrap();
        let mut got = vec![0; 100_000];
        let up = while_reading(&mut here, there.read_exact(&mut got)).await;
        assert_eq!((up.unwrap(), got), (100_000, vec![7; 100_000]));
        there.write_all(&vec![8; 50_000]).await.unwrap();
        drop(there);
        let mut got = Vec::new();
        assert_eq!(here.read_to_end(&mut got).await.unwrap(), 50_000);
        let counts = dialer.counts();
        assert_eq!((counts.bytes_up, counts.bytes_down), (100_000, 50_000), "over {link:?}");
        assert_eq!((counts.attempted, counts.opened, counts.open, counts.peak), (2, 2, 2, 2));
        assert_eq!((sibling.counts().bytes_up, sibling.counts().open), (0, 2));
        drop((here, other));
        assert_eq!((dialer.counts().open, dialer.counts().peak), (0, 2));
    }
}

#[tokio::test]
async fn an_attempt_that_fails_counts_as_an_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let dialer = Dialer::new(PLAIN, 1);
    assert!(dialer.dial(address).await.is_err());
    assert_eq!((dialer.counts().attempted, dialer.counts().opened), (1, 0));
}

/// The stamp is the time at which the socket was read plus the delay of the link, however late the
/// reader runs. The socket was read within a poll of the connection, so between two times that the
/// test takes.
#[tokio::test]
async fn a_link_moves_the_arrival_stamp_by_its_delay() {
    for delay in [0, 20, 60] {
        let dialer = Dialer::new(link(delay, 0), 1);
        let (mut here, mut there) = pair(&dialer).await;
        let delay = Duration::from_millis(delay);
        let (mut reads, mut byte) = (Reads::new(&dialer), [0]);
        let sent = Timestamp::now();
        there.write_all(b"x").await.unwrap();
        poll_fn(|context| {
            let mut byte = ReadBuf::new(&mut byte);
            reads.note(|| Pin::new(&mut here).poll_read(context, &mut byte))
        })
        .await
        .unwrap();
        let arrived = here.arrivals().last();
        assert!(arrived >= sent + delay, "stamped before it can have arrived");
        assert!(reads.explain(arrived, delay), "{arrived:?} after {delay:?}, and {reads:?}");
        assert!(arrived <= Timestamp::now(), "nothing is handed out before it is due");
    }
}

#[tokio::test]
async fn a_link_delays_what_is_sent_and_the_handshake() {
    let dialer = Dialer::new(link(20, 0), 1);
    let start = Timestamp::now();
    let (mut here, mut there) = pair(&dialer).await;
    let dialled = Timestamp::now();
    assert!(dialled.saturating_since(start) >= Duration::from_millis(40), "it takes a round trip");
    here.write_all(b"x").await.unwrap();
    let read = async { there.read_u8().await.map(|_| Timestamp::now()) };
    let read = while_reading(&mut here, read).await;
    assert!(read.unwrap().saturating_since(dialled) >= Duration::from_millis(20));
}

#[tokio::test]
async fn jitter_keeps_the_order() {
    let (mut here, mut there) = pair(&Dialer::new(link(2, 5), 1)).await;
    let sent: Vec<u8> = (0..=255).cycle().take(2000).collect();
    let expected = sent.clone();
    let writer = async move {
        for piece in sent.chunks(10) {
            there.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let mut got = vec![0; expected.len()];
    let ((), read) = tokio::join!(writer, here.read_exact(&mut got));
    read.unwrap();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn the_end_of_the_stream_is_delayed_too_and_does_not_move_the_stamp() {
    let (mut here, mut there) = pair(&Dialer::new(link(20, 0), 1)).await;
    there.write_all(b"x").await.unwrap();
    here.read_u8().await.unwrap();
    let arrived = here.arrivals().last();
    let start = Timestamp::now();
    drop(there);
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(Timestamp::now().saturating_since(start) >= Duration::from_millis(19));
    assert_eq!(here.arrivals().last(), arrived);
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 0, "the end stays the end");
}
