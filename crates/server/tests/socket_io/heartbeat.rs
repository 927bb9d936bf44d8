//! Pings come when the protocol says, and a silent client is dropped when it says.

use tokio::time::{Duration, Instant};

use crate::client::{Session, TestServer, unknown_session};

#[tokio::test(start_paused = true)]
async fn a_session_that_polls_is_pinged_at_each_interval_and_dropped_when_it_is_silent() {
    let server = TestServer::new();
    let start = Instant::now();
    let mut session = server.open_polling().await;
    assert_eq!(session.open["pingInterval"], 25_000);
    assert_eq!(session.open["pingTimeout"], 20_000);
    session.connect("").await;
    for ping in 1..=2 {
        assert_eq!(session.packet().await, "2");
        assert_eq!(start.elapsed().as_secs(), 25 * ping);
        session.send("3").await;
    }
    assert_eq!(session.packet().await, "2");
    assert_eq!(session.packet().await, "1", "the session ends");
    assert_eq!(start.elapsed().as_secs(), 75 + 20);
    assert_eq!(session.ask("GET", "").await, unknown_session());
}

#[tokio::test(start_paused = true)]
async fn a_session_over_a_websocket_is_pinged_at_each_interval_and_dropped_when_it_is_silent() {
    let server = TestServer::new();
    let start = Instant::now();
    let mut session = server.open_websocket(None).await;
    assert!(session.packet().await.starts_with('0'));
    session.connect("").await;
    for ping in 1..=2 {
        assert_eq!(session.packet().await, "2");
        assert_eq!(start.elapsed().as_secs(), 25 * ping);
        session.send("3").await;
    }
    assert_eq!(session.packet().await, "2");
    assert_eq!(session.packet().await, "1", "the session ends");
    assert!(session.next().await.unwrap().unwrap().is_close());
    assert_eq!(start.elapsed().as_secs(), 75 + 20);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_namespace_ends_after_the_connect_time() {
    let server = TestServer::new();
    let start = Instant::now();
    let mut session = server.open_polling().await;
    assert_eq!(session.packet().await, "2");
    session.send("3").await;
    assert_eq!(session.packet().await, "1");
    assert_eq!(start.elapsed(), Duration::from_secs(45));
}
