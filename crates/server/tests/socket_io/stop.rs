//! How sessions end when the server stops: each client is told, and comes back.

use axum::http::StatusCode;
use tokio::time::Duration;

use crate::client::{Session, TestServer, metric, unknown_session};

#[tokio::test(start_paused = true)]
async fn every_session_is_told_that_the_server_stops() {
    let server = TestServer::new();
    let mut polls = server.open_polling().await;
    polls.connect("").await;
    let unconnected = server.open_polling().await;
    let mut socket = server.open_websocket(None).await;
    assert!(socket.packet().await.starts_with('0'));
    socket.connect("").await;
    let mut unconnected_socket = server.open_websocket(None).await;
    assert!(unconnected_socket.packet().await.starts_with('0'));

    let stopping = async {
        server.publish("1");
        server.server.stop().await;
    };
    let clients = async {
        assert_eq!(polls.message().await, 1);
        for session in [&polls, &unconnected] {
            assert_eq!(session.ask("GET", "").await, unknown_session());
        }
        assert_eq!(socket.message().await, 1, "what there is is still sent");
        for socket in [&mut socket, &mut unconnected_socket] {
            let end = socket.next().await.unwrap().unwrap();
            assert!(end.is_close(), "{end}");
            socket.stream.close(None).await.ok();
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    tokio::join!(stopping, clients);
    let (status, _) = server.ask("GET", "EIO=4&transport=polling", "").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "no session begins any more");
    // The library keeps a session without a namespace until its connect time is over.
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(metric(&server, "wirebench_sessions_open"), 0);
    assert_eq!(metric(&server, "wirebench_sessions_closed_total{reason=\"stopped\"}"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_is_held_is_answered_when_the_server_stops() {
    let server = TestServer::new();
    let mut session = server.open_polling().await;
    session.connect("").await;
    let held = session.ask("GET", "");
    let stopping = async {
        tokio::task::yield_now().await;
        server.server.stop().await;
    };
    let (answer, ()) = tokio::join!(held, stopping);
    assert_eq!(answer, unknown_session());
}
