//! Which connections a layer is under, and what it sees of them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use axum::http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wirebench_server::{Feed, Io, JsonPayload, Layer, Server, Transport};

use crate::raw;
use crate::support::{OVER_HYPER, Serving};

/// What the layer has seen: one entry for each connection that it is under.
type Seen = Arc<Mutex<Vec<Crossed>>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Crossed {
    read: String,
    written: String,
}

/// Keeps what crosses connections with a request of the subscriber `watched`.
#[derive(Debug, Default)]
struct Watch(Seen);

impl Layer for Watch {
    fn concerns(&self, target: &str) -> bool {
        target.contains("as=watched")
    }

    fn wrap(&self, stream: Box<dyn Io>, _: &mut Extensions) -> Box<dyn Io> {
        let mut seen = self.0.lock().unwrap();
        seen.push(Crossed::default());
        Box::new(Watched { stream, number: seen.len() - 1, seen: Arc::clone(&self.0) })
    }
}

struct Watched {
    stream: Box<dyn Io>,
    number: usize,
    seen: Seen,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = String::from_utf8_lossy(&buffer.filled()[before..]);
        self.seen.lock().unwrap()[self.number].read.push_str(&read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        let text = String::from_utf8_lossy(&bytes[..written]);
        self.seen.lock().unwrap()[self.number].written.push_str(&text);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

async fn start() -> (Serving, Seen) {
    start_with(Feed::new(10)).await
}

async fn start_with(feed: Feed) -> (Serving, Seen) {
    let watch = Watch::default();
    let seen = Arc::clone(&watch.0);
    let feeds = [("bench".to_owned(), feed)];
    (Serving::start(&Server::new(feeds).with_layer(watch)).await, seen)
}

fn poll(query: &str) -> String {
    format!("GET /feeds/bench/short-polling{query} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// What has crossed the connections that the layer is under.
fn crossed(seen: &Seen) -> Vec<Crossed> {
    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn a_layer_sees_a_connection_from_the_first_request_on_that_concerns_it() {
    let (serving, seen) = start().await;
    let mut client = serving.connect().await;
    let (other, watched) = (poll(""), poll("?as=watched"));
    client.send(&other).await;
    let mut answers = vec![client.until("\r\n\r\n").await];
    assert_eq!(crossed(&seen).len(), usize::from(OVER_HYPER), "it concerns nobody");
    // The request that concerns the layer comes together with others.
    let requests = [&other, &watched, &other].map(String::as_str);
    client.send(requests.concat()).await;
    for _ in requests {
        answers.push(client.until("\r\n\r\n").await);
    }
    let expected = if OVER_HYPER {
        Crossed { read: other.clone() + &requests.concat(), written: answers.concat() }
    } else {
        Crossed { read: requests[1..].concat(), written: answers[2..].concat() }
    };
    assert_eq!(crossed(&seen), [expected]);
}

#[tokio::test]
async fn no_subscription_pays_for_a_layer_that_it_does_not_concern() {
    // A message, so that a long poll is answered at once.
    let feed = Feed::new(10);
    feed.publish(JsonPayload::from_json(b"0").unwrap());
    let (serving, seen) = start_with(feed).await;
    let mut clients = Vec::new();
    for transport in Transport::ALL {
        let mut client = serving.connect().await;
        client.subscribe_as(transport, "start", None).await;
        clients.push(client);
    }
    let under_all = if OVER_HYPER { clients.len() } else { 0 };
    assert_eq!(crossed(&seen).len(), under_all);

    for (watched, transport) in Transport::ALL.into_iter().enumerate() {
        let mut client = serving.connect().await;
        let path = raw::address(transport, "bench", "after=start&as=watched");
        client.open(transport, &path).await;
        let crossed = crossed(&seen);
        assert_eq!(crossed.len(), under_all + watched + 1, "{transport}");
        let request = &crossed[under_all + watched].read;
        assert!(request.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{request}");
        clients.push(client);
    }
}

/// A later request of such a connection could concern the layer, which has not seen it from the
/// start.
#[tokio::test]
async fn a_connection_without_the_layer_ends_when_it_may_not_leave_http() {
    let (serving, seen) = start().await;
    let mut client = serving.connect().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n";
    client.get("/feeds/bench/websocket", upgrade).await;
    let answer = client.until("\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    assert_eq!(answer.contains("connection: Upgrade, close\r\n"), !OVER_HYPER, "{answer}");
    if !OVER_HYPER {
        client.rest().await;
    }
    assert_eq!(crossed(&seen).len(), usize::from(OVER_HYPER));
}

#[tokio::test]
async fn other_requests_and_http_2_are_seen_because_a_later_one_may_concern_the_layer() {
    let (serving, seen) = start().await;
    let mut client = serving.connect().await;
    client.send("OPTIONS /feeds/bench/sse HTTP/1.1\r\nHost: a\r\n\r\n").await;
    client.until("\r\n\r\n").await;
    assert_eq!(crossed(&seen).len(), 1);
    let answer = serving.connect_http2().await.get("/feeds/bench/short-polling").await;
    assert_eq!(answer.unwrap().status(), 204);
    assert_eq!(crossed(&seen).len(), 2);
}
