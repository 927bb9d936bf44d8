//! Counting, recording, delaying and cutting of lanes, over real sockets.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

mod support;

use std::time::{Duration, Instant};

use base64::Engine;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::{Counting, DEADLINE, RunningServer, TestClient};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

const LANES: &str = "/demo/lanes/0123abcd";

async fn websocket(server: &RunningServer, path: &str) -> WebSocketStream<Counting> {
    let stream = Counting::connect(server.address).await;
    let url = format!("ws://{}{path}", server.address);
    client_async(url, stream).await.unwrap().0
}

async fn next(socket: &mut WebSocketStream<Counting>) -> Value {
    let message = timeout(DEADLINE, socket.next()).await.expect("a message in time");
    serde_json::from_str(message.unwrap().unwrap().to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn lanes_that_share_a_connection_count_only_their_own_bytes() {
    let server = RunningServer::start();
    let mut client = server.connect().await;
    let mut expected = [(0, 0, 0), (0, 0, 0)];
    for round in 0..10 {
        for (name, counts) in ["one", "two"].into_iter().zip(&mut expected) {
            let before = client.crossed();
            // The heads differ in length, so that bytes counted for the wrong lane are noticed.
            let path =
                format!("/feeds/quiet/short-polling?lane=0123abcd.{name}&hold={}", round * 7);
            assert_eq!(client.send("GET", &path, "").await.unwrap().status, 204);
            let after = client.crossed();
            counts.0 += 1;
            counts.1 += after.0 - before.0;
            counts.2 += after.1 - before.1;
        }
        assert_eq!(client.send("GET", "/demo/state", "").await.unwrap().status, 200);
    }
    let expected = expected.map(|(requests, bytes_in, bytes_out)| {
        json!({
            "requests": requests, "empty": requests, "connections": 1, "open_connections": 1,
            "bytes_in": bytes_in, "bytes_out": bytes_out, "queries": 0,
        })
    });
    let [one, two] = expected;
    server.expect(LANES, Value::clone, json!({"lanes": {"one": one, "two": two}})).await;
    drop(client);
    let open = |lanes: &Value| lanes["lanes"]["one"]["open_connections"].clone();
    server.expect(LANES, open, json!(0)).await;
    server.stop().await;
}

#[tokio::test]
async fn the_body_of_a_request_counts_for_its_lane() {
    let server = RunningServer::start();
    let mut client = server.connect().await;
    let path = "/feeds/quiet/messages?lane=0123abcd.sse";
    let payload = format!("\"{}\"", "x".repeat(100_000));
    assert_eq!(client.send("POST", path, &payload).await.unwrap().status, 201);
    let (sent, received) = client.crossed();
    assert!(sent > 100_000);
    let bytes = |lanes: &Value| {
        let sse = &lanes["lanes"]["sse"];
        json!([sse["bytes_in"], sse["bytes_out"], sse["requests"], sse["empty"]])
    };
    server.expect(LANES, bytes, json!([sent, received, 1, 0])).await;
    server.stop().await;
}

#[tokio::test]
async fn streams_and_sockets_are_counted_to_the_byte() {
    let server = RunningServer::start();
    let mut stream = server.connect().await;
    stream.begin("GET", "/feeds/quiet/sse?lane=0123abcd.sse", "").await;
    stream.read_to("-0\n\n\r\n").await;
    let mut socket = websocket(&server, "/feeds/quiet/websocket?lane=0123abcd.websocket").await;
    next(&mut socket).await;
    for n in 1..=3 {
        let publish = Message::text(json!({"publish": n}).to_string());
        socket.send(publish).await.unwrap();
        // The message and the confirmation arrive in either order.
        next(&mut socket).await;
        next(&mut socket).await;
        stream.read_to(&format!("{n}}}\n\n\r\n")).await;
    }
    for (lane, (sent, received)) in
        [("sse", stream.crossed()), ("websocket", socket.get_ref().crossed.get())]
    {
        let counts = json!({
            "requests": 1, "empty": 0, "connections": 1, "open_connections": 1,
            "bytes_in": sent, "bytes_out": received, "queries": 0,
        });
        server.expect(LANES, |lanes| lanes["lanes"][lane].clone(), counts).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_records_are_the_bytes_that_crossed_the_socket() {
    let server = RunningServer::start();
    let wire = "/demo/wire/0123abcd";
    assert_eq!(server.ask(wire).await, json!({"next": 0, "dropped": 0, "records": []}));
    let mut client = server.connect().await;
    let path = "/feeds/quiet/short-polling?lane=0123abcd.one";
    assert_eq!(client.send("GET", path, "").await.unwrap().status, 204);
    assert_eq!(client.send("GET", "/demo/state", "").await.unwrap().status, 200);
    assert_eq!(client.send("GET", path, "").await.unwrap().status, 204);

    let brief = |found: &Value| {
        let records = found["records"].as_array().unwrap().iter();
        let records =
            records.map(|record| json!([record["n"], record["lane"], record["direction"]]));
        Value::Array(records.collect())
    };
    let expected =
        json!([[1, "one", "in"], [2, "one", "out"], [3, "one", "in"], [4, "one", "out"]]);
    server.expect(wire, brief, expected).await;
    let excerpt = server.ask("/demo/wire/0123abcd?after=2").await;
    assert_eq!((&excerpt["next"], &excerpt["dropped"]), (&json!(4), &json!(0)));
    let request = &excerpt["records"][0];
    let bytes =
        base64::engine::general_purpose::STANDARD.decode(request["bytes"].as_str().unwrap());
    let bytes = String::from_utf8(bytes.unwrap()).unwrap();
    assert!(bytes.starts_with(&format!("GET {path} HTTP/1.1\r\n")), "{bytes}");
    assert_eq!(request["length"], bytes.len());
    assert_eq!(request["connection"], excerpt["records"][1]["connection"]);
    server.stop().await;
}

/// The layer numbers the connections that it is under.
#[tokio::test]
async fn only_connections_with_lanes_are_recorded_and_from_their_first_lane_on() {
    let server = RunningServer::start();
    let wire = "/demo/wire/0123abcd";
    server.ask(wire).await;
    let poll = |lane: &str| format!("/feeds/quiet/short-polling{lane}");
    let (first, second) = (poll("?lane=0123abcd.first"), poll("?lane=0123abcd.second"));
    assert_eq!(server.connect().await.send("GET", &first, "").await.unwrap().status, 204);
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut plain = server.connect().await;
        assert_eq!(plain.send("GET", &poll(""), "").await.unwrap().status, 204);
        let mut socket = websocket(&server, "/feeds/quiet/websocket").await;
        next(&mut socket).await;
        others.push((plain, socket));
    }
    // Such a connection opens a lane after all.
    let mut client = others.pop().unwrap().0;
    let before = client.crossed();
    assert_eq!(client.send("GET", &second, "").await.unwrap().status, 204);
    let after = client.crossed();
    let (sent, received) = (after.0 - before.0, after.1 - before.1);

    let brief = |found: &Value| {
        let records = found["records"].as_array().unwrap().iter();
        let brief = |record: &Value| {
            json!([record["lane"], record["direction"], record["connection"], record["length"]])
        };
        Value::Array(records.map(brief).skip(2).collect())
    };
    let connection = server.ask(wire).await["records"][0]["connection"].as_u64().unwrap();
    let expected = json!([
        ["second", "in", connection + 1, sent],
        ["second", "out", connection + 1, received],
    ]);
    server.expect(wire, brief, expected).await;
    // A server that stops waits for the next poll of a connection.
    drop((others, client));
    server.stop().await;
}

#[tokio::test]
async fn a_cut_closes_lanes_without_an_answer_until_its_time_is_over() {
    let server = RunningServer::start();
    let mut stream = server.connect().await;
    stream.begin("GET", "/feeds/quiet/sse?lane=0123abcd.sse", "").await;
    stream.read_to("-0\n\n\r\n").await;
    let mut socket = websocket(&server, "/feeds/quiet/websocket?lane=0123abcd.websocket").await;
    next(&mut socket).await;
    let mut held = server.connect().await;
    held.begin("GET", "/feeds/quiet/long-polling?lane=0123abcd.long", "").await;
    let requests = |lanes: &Value| lanes["lanes"]["long"]["requests"].clone();
    server.expect(LANES, requests, json!(1)).await;
    let mut untagged = server.connect().await;
    untagged.begin("GET", "/feeds/quiet/sse", "").await;
    untagged.read_to("-0\n\n\r\n").await;

    let answer = server.change("POST", "/demo/cut", r#"{"seconds":30}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    stream.end().await;
    held.end().await;
    assert!(timeout(DEADLINE, socket.next()).await.unwrap().unwrap().is_err());
    let mut again = server.connect().await;
    let path = "/feeds/quiet/short-polling?lane=0123abcd.short";
    assert!(again.send("GET", path, "").await.is_err());
    let open = |lanes: &Value| lanes["lanes"]["sse"]["open_connections"].clone();
    server.expect(LANES, open, json!(0)).await;
    let short = |lanes: &Value| lanes["lanes"]["short"]["requests"].clone();
    server.expect(LANES, short, json!(1)).await;

    // A cut of 0 s replaces the running one.
    assert_eq!(server.change("POST", "/demo/cut", r#"{"seconds":0}"#).await.status, 200);
    assert_eq!(server.connect().await.send("GET", path, "").await.unwrap().status, 204);
    server.publish("1");
    untagged.read_to("1}\n\n\r\n").await;
    server.stop().await;
}

/// Every visitor may cut their own lanes, so nobody else must notice.
#[tokio::test]
async fn a_cut_of_one_tab_leaves_the_lanes_of_others_open() {
    let server = RunningServer::start();
    let [mut own, mut other] = [server.connect().await, server.connect().await];
    own.begin("GET", "/feeds/quiet/sse?lane=0123abcd.sse", "").await;
    own.read_to("-0\n\n\r\n").await;
    other.begin("GET", "/feeds/quiet/sse?lane=4567abcd.sse", "").await;
    other.read_to("-0\n\n\r\n").await;

    let cut = "/demo/lanes/0123abcd/cut";
    assert_eq!(server.change("POST", cut, r#"{"seconds":30}"#).await.status, 204);
    own.end().await;
    let poll = |tab: &str| format!("/feeds/quiet/short-polling?lane={tab}.short");
    assert!(server.connect().await.send("GET", &poll("0123abcd"), "").await.is_err());
    assert_eq!(
        server.connect().await.send("GET", &poll("4567abcd"), "").await.unwrap().status,
        204
    );
    server.publish("1");
    other.read_to("1}\n\n\r\n").await;

    assert_eq!(server.change("POST", cut, r#"{"seconds":0}"#).await.status, 204);
    assert_eq!(
        server.connect().await.send("GET", &poll("0123abcd"), "").await.unwrap().status,
        204
    );
    // A tab that the server has never seen has nothing to cut.
    assert_eq!(
        server.change("POST", "/demo/lanes/89abcdef/cut", r#"{"seconds":3}"#).await.status,
        204
    );
    assert_eq!(server.change("POST", cut, r#"{"seconds":31}"#).await.status, 400);
    assert_eq!(server.change("POST", "/demo/lanes/x/cut", r#"{"seconds":3}"#).await.status, 400);
    server.stop().await;
}

/// The one line that differs between the two streams of the page "Without id".
#[tokio::test]
async fn a_stream_without_ids_goes_on_with_the_present_and_one_with_ids_with_the_past() {
    let server = RunningServer::start();
    let mut client = server.connect().await;
    client.begin("GET", "/demo/clock/without-id?lane=0123abcd.a", "").await;
    client.read_to("retry: 1000\n\n\r\n").await;
    let event = client.read_to("\n\n\r\n").await;
    assert!(event.contains("data: {\"seq\":") && !event.contains("id: "), "{event}");
    let mut client = server.connect().await;
    client.begin("GET", "/demo/clock/chosen/0123abcd?lane=0123abcd.b", "").await;
    let opening = client.read_to("\n\n\r\n").await;
    assert!(opening.contains("event: request\ndata: {\"last_event_id\":null}"), "{opening}");
    let event = client.read_to("\n\n\r\n").await;
    assert!(event.contains("id: ") && event.contains("data: {\"seq\":"), "{event}");
    server.stop().await;
}

const DELAY: Duration = Duration::from_millis(300);

async fn slow_link() -> RunningServer {
    let server = RunningServer::start();
    let answer = server.change("PUT", "/demo/link", r#"{"delay_ms":300}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    server
}

#[tokio::test]
async fn every_request_of_a_lane_takes_the_delay_in_each_direction() {
    let server = slow_link().await;
    let mut client: TestClient = server.connect().await;
    for _ in 0..2 {
        let begun = Instant::now();
        let path = "/feeds/quiet/short-polling?lane=0123abcd.short";
        assert_eq!(client.send("GET", path, "").await.unwrap().status, 204);
        let took = begun.elapsed();
        assert!(took >= DELAY * 2, "{took:?}");
    }
    // On a busy machine, any request may take this long. A delayed one always does.
    let mut took = Vec::new();
    while took.iter().all(|took| *took >= DELAY * 2) {
        assert!(took.len() < 30, "requests outside of lanes are not delayed: {took:?}");
        let begun = Instant::now();
        assert_eq!(server.connect().await.send("GET", "/demo/time", "").await.unwrap().status, 200);
        took.push(begun.elapsed());
    }
    server.stop().await;
}

#[tokio::test]
async fn a_single_message_arrives_after_the_delay() {
    let server = slow_link().await;
    let mut stream = server.connect().await;
    stream.begin("GET", "/feeds/quiet/sse?lane=0123abcd.sse", "").await;
    stream.read_to("-0\n\n\r\n").await;
    let mut socket = websocket(&server, "/feeds/quiet/websocket?lane=0123abcd.websocket").await;
    next(&mut socket).await;
    for n in 1..=2 {
        let begun = Instant::now();
        server.publish(&n.to_string());
        let socket = async {
            assert_eq!(next(&mut socket).await["payload"], n);
            begun.elapsed()
        };
        let stream = async {
            stream.read_to(&format!("{n}}}\n\n\r\n")).await;
            begun.elapsed()
        };
        let (socket, stream) = tokio::join!(socket, stream);
        for (took, lane) in [(socket, "websocket"), (stream, "sse")] {
            assert!(took >= DELAY, "{lane}: {took:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_backlog_larger_than_the_buffer_of_the_link_arrives_completely() {
    const MESSAGES: u64 = 400;
    let server = slow_link().await;
    server.change("PUT", "/demo/link", r#"{"delay_ms":50}"#).await;
    let payload = format!("\"{}\"", "x".repeat(16_000));
    (0..MESSAGES).for_each(|_| server.publish(&payload));
    let path = "/feeds/quiet/websocket?after=start&lane=0123abcd.websocket";
    let mut socket = websocket(&server, path).await;
    next(&mut socket).await;
    for n in 1..=MESSAGES {
        assert_eq!(next(&mut socket).await["seq"], n);
    }
    let mut stream = server.connect().await;
    stream.begin("GET", "/feeds/quiet/sse?after=start&lane=0123abcd.sse", "").await;
    stream.read_to(&format!("-{MESSAGES}\ndata: ")).await;
    server.stop().await;
}

#[tokio::test]
async fn an_invalid_tag_belongs_to_no_lane() {
    let server = RunningServer::start();
    for tag in ["", "sse", "0123abcd", "0123abcd.", "0123abcd.SSE", "0123ABCG.sse"] {
        let path = format!("/feeds/quiet/short-polling?lane={tag}");
        assert_eq!(server.change("GET", &path, "").await.status, 204, "{tag}");
    }
    assert_eq!(server.ask(LANES).await, json!({"lanes": {}}));
    for path in ["/demo/lanes/xyz", "/demo/wire/xyz", "/demo/wire/0123abcd?after=x"] {
        assert_eq!(server.change("GET", path, "").await.status, 400, "{path}");
    }
    server.stop().await;
}
