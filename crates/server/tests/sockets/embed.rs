//! The server inside another application: nested below a prefix, and served by axum. The
//! application is the one of the example.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wirebench_server::{After, JsonPayload};

use crate::support::{RawClient, until, within};

#[expect(dead_code, reason = "its `main` waits for Ctrl-C")]
#[path = "../../examples/embed.rs"]
mod example;

use example::App;

/// The example application while it is served, with one reading so far.
struct Embedded {
    app: App,
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Embedded {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let app = App::new();
        let task = tokio::spawn({
            let app = app.clone();
            async move {
                let hour = Duration::from_hours(1);
                example::serve(listener, &app, hour, async { _ = stopped.await }).await
            }
        });
        until("the first reading", || app.readings.published() == 1).await;
        Self { app, address, stop, task }
    }

    fn publish(&self, json: &str) {
        self.app.readings.publish(JsonPayload::from_json(json.as_bytes()).unwrap());
    }

    async fn get(&self, path: &str, headers: &str) -> RawClient {
        let mut client = RawClient::new(TcpStream::connect(self.address).await.unwrap());
        client.get(path, headers).await;
        client
    }

    async fn socket(&self) -> RawClient {
        let mut client = RawClient::new(TcpStream::connect(self.address).await.unwrap());
        client.upgrade("/live/feeds/readings/websocket").await;
        client.until("{\"hello\":").await;
        client
    }
}

#[tokio::test]
async fn a_nested_server_answers_on_every_transport_below_its_prefix() {
    let embedded = Embedded::start().await;
    let mut poll = embedded.get("/live/feeds/readings/short-polling?after=start", "").await;
    assert!(poll.until("\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
    poll.until("\"payload\":{\"celsius\":20.1").await;

    // The request has a cursor, so that the next message answers it even if it is not held yet.
    let newest = embedded.app.readings.locate(After::Newest).unwrap();
    let path = format!("/live/feeds/readings/long-polling?after={newest}");
    let mut held = embedded.get(&path, "").await;
    let mut stream = embedded.get("/live/feeds/readings/sse", "").await;
    stream.until("\nid: ").await;
    let mut socket = embedded.socket().await;
    embedded.publish("\"news\"");
    for client in [&mut held, &mut stream, &mut socket] {
        client.until("\"payload\":\"news\"}").await;
    }

    let mut page = embedded.get("/", "").await;
    page.until("new EventSource(\"/live/feeds/readings/sse").await;
    embedded.get("/latest", "").await.until("\r\n\r\n20.1").await;
}

#[tokio::test]
async fn errors_of_a_nested_server_are_json_and_those_of_the_application_are_not() {
    let embedded = Embedded::start().await;
    for (path, status, words) in [
        ("/live/feeds/nothing/sse", "404", "\"hint\":"),
        ("/live/nothing", "404", "\"hint\":"),
        ("/live/feeds/readings/websocket", "426", "\"hint\":"),
        ("/live/feeds/readings/messages", "405", "\"hint\":"),
        ("/nothing", "404", "content-length: 0"),
    ] {
        let mut client = embedded.get(path, "Connection: close\r\n").await;
        let answer = String::from_utf8(client.rest().await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
        assert!(answer.contains(words), "{path}: {answer}");
    }
    let mut client = RawClient::new(TcpStream::connect(embedded.address).await.unwrap());
    client
        .send(
            "POST /live/feeds/readings/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1",
        )
        .await;
    client.until("only the thermometer publishes here").await;
    let mut socket = embedded.socket().await;
    socket.frame(0x81, b"{\"publish\":1}").await;
    socket.until("only the thermometer publishes here").await;
}

#[tokio::test]
async fn stopping_a_nested_server_lets_its_application_end() {
    let embedded = Embedded::start().await;
    let mut held = embedded.get("/live/feeds/readings/long-polling", "").await;
    let mut stream = embedded.get("/live/feeds/readings/sse", "").await;
    stream.until("\nid: ").await;
    let mut socket = embedded.socket().await;
    embedded.stop.send(()).unwrap();

    let answer = String::from_utf8(held.rest().await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 ") && answer.contains("retry-after: "), "{answer}");
    let end = String::from_utf8(stream.rest().await).unwrap();
    assert!(end.contains("retry: ") && end.ends_with("0\r\n\r\n"), "{end:?}");
    socket.until("come back in ").await;
    socket.frame(0x88, &1001_u16.to_be_bytes()).await;
    socket.rest().await;
    within("the application's end", embedded.task).await.unwrap().unwrap();
}
