//! The target files of servers that no package manager of this machine has, against small servers
//! that speak their documented protocols: what is published reaches the subscribers, and cut
//! connections lose nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Message, WebSocket};
use wirebench_report::Row;

use crate::workbench::{SCENARIO, Workbench};

const SECRET: &str = "open-sesame";

/// The cuts of these tests.
const CUTS: &str = "[faults]\ncut-every = \"500ms\"\ncut-share = 0.5\n";

/// What was published, and everybody who waits for more.
#[derive(Clone, Default)]
struct History(Arc<(Mutex<Vec<String>>, Condvar)>);

impl History {
    /// Returns the number of the message.
    fn publish(&self, message: String) -> usize {
        let mut messages = self.0.0.lock().unwrap();
        messages.push(message);
        self.0.1.notify_all();
        messages.len()
    }

    fn len(&self) -> usize {
        self.0.0.lock().unwrap().len()
    }

    /// Returns what came after a number of messages.
    fn after(&self, count: usize) -> Vec<String> {
        self.0.0.lock().unwrap()[count..].to_vec()
    }

    /// Waits until there is more than a number of messages.
    fn wait_after(&self, count: usize) -> Vec<String> {
        let messages = self.0.0.lock().unwrap();
        let messages = self.0.1.wait_while(messages, |messages| messages.len() <= count).unwrap();
        messages[count..].to_vec()
    }
}

/// A request.
struct Request {
    line: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn read(socket: &mut impl BufRead) -> Option<Self> {
        let mut line = String::new();
        if socket.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut fields = Vec::new();
        loop {
            let mut field = String::new();
            socket.read_line(&mut field).ok()?;
            let Some((name, value)) = field.split_once(':') else { break };
            fields.push((name.to_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { line: line.trim().to_owned(), fields, body: String::new() };
        let length = request.field("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        socket.read_exact(&mut body).ok()?;
        request.body = String::from_utf8(body).unwrap();
        Some(request)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Starts a server for the rest of the test. Returns its host and port.
fn start(serve: fn(&TcpStream, &History) -> Option<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let history = History::default();
    thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let history = history.clone();
            thread::spawn(move || serve(&socket, &history));
        }
    });
    address.to_string()
}

fn answer(mut socket: &TcpStream, status: &str, body: &str) -> Option<()> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n");
    socket.write_all(format!("{head}{body}").as_bytes()).ok()
}

/// Publishes by a form, and sends events with the number of each message as its id.
fn mercure(socket: &TcpStream, history: &History) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    loop {
        let request = Request::read(&mut reader)?;
        if request.line.starts_with("GET ") {
            assert_eq!(request.line, format!("GET {MERCURE}?match={TOPIC} HTTP/1.1"));
            return mercure_events(socket, &request, history);
        }
        assert_eq!(request.line, format!("POST {MERCURE} HTTP/1.1"));
        assert_eq!(request.field("content-type"), Some("application/x-www-form-urlencoded"));
        if request.field("authorization") != Some(&format!("Bearer {SECRET}")) {
            answer(socket, "401 Unauthorized", "Unauthorized")?;
            continue;
        }
        let data = request.body.strip_prefix(&format!("topic={TOPIC}&data=")).unwrap();
        let number = history.publish(decoded(data));
        answer(socket, "200 OK", &format!("urn:uuid:{number}"))?;
    }
}

const MERCURE: &str = "/.well-known/mercure";
const TOPIC: &str = "https%3A%2F%2Fexample.com%2Fbench";

fn mercure_events(mut socket: &TcpStream, request: &Request, history: &History) -> Option<()> {
    let last = request.field("last-event-id");
    let last = last.map(|id| id.strip_prefix("urn:uuid:").unwrap().parse().unwrap());
    let mut count = last.unwrap_or_else(|| history.len());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n";
    socket.write_all(head.as_bytes()).ok()?;
    loop {
        for message in history.wait_after(count) {
            count += 1;
            let event = format!("id: urn:uuid:{count}\ndata: {message}\n\n");
            socket.write_all(event.as_bytes()).ok()?;
        }
    }
}

/// Decodes a value of a form.
fn decoded(form: &str) -> String {
    let mut bytes = form.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            plain => plain,
        });
    }
    String::from_utf8(text).unwrap()
}

/// Publishes by `/api/publish`, and serves the protocol in JSON over a WebSocket, and events.
fn centrifugo(socket: &TcpStream, history: &History) -> Option<()> {
    let mut reader = BufReader::new(socket.try_clone().ok()?);
    loop {
        let request = Request::read(&mut reader)?;
        if request.line.starts_with("GET /connection/websocket ") {
            return centrifugo_socket(socket.try_clone().ok()?, &request, history);
        }
        if request.line.starts_with("GET ") {
            let connect = "cf_connect=%7B%22subs%22%3A%7B%22bench%22%3A%7B%7D%7D%7D";
            assert_eq!(request.line, format!("GET /connection/uni_sse?{connect} HTTP/1.1"));
            return centrifugo_events(socket, history);
        }
        assert_eq!(request.line, "POST /api/publish HTTP/1.1");
        if request.field("x-api-key") != Some(SECRET) {
            let error = r#"{"error":{"code":103,"message":"permission denied"}}"#;
            answer(socket, "200 OK", error)?;
            continue;
        }
        let publish: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(publish["channel"], "bench");
        let offset = history.publish(publish["data"].to_string());
        let result = json!({ "result": { "offset": offset, "epoch": EPOCH } });
        answer(socket, "200 OK", &result.to_string())?;
    }
}

const EPOCH: &str = "xyzw";

/// The pushes of messages, the first of which has this offset.
fn pushes(messages: &[String], first: usize) -> Vec<String> {
    let push = |(offset, message): (usize, &String)| {
        format!(r#"{{"channel":"bench","pub":{{"data":{message},"offset":{offset}}}}}"#)
    };
    (first..).zip(messages).map(push).collect()
}

fn centrifugo_events(mut socket: &TcpStream, history: &History) -> Option<()> {
    let mut count = history.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
    let connected =
        r#"data: {"connect":{"client":"c","version":"6","subs":{"bench":{}},"ping":25}}"#;
    socket.write_all(format!("{head}{connected}\n\nevent: ping\ndata:\n\n").as_bytes()).ok()?;
    loop {
        let messages = history.wait_after(count);
        for push in pushes(&messages, count + 1) {
            socket.write_all(format!("data: {push}\n\n").as_bytes()).ok()?;
        }
        count += messages.len();
    }
}

fn centrifugo_socket(mut socket: TcpStream, request: &Request, history: &History) -> Option<()> {
    let accept = derive_accept_key(request.field("sec-websocket-key").unwrap().as_bytes());
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    socket.write_all(format!("{head}Sec-WebSocket-Accept: {accept}\r\n\r\n").as_bytes()).ok()?;
    let mut socket = WebSocket::from_raw_socket(socket, Role::Server, None);
    assert_eq!(command(&mut socket)?, json!({ "id": 1, "connect": {} }));
    let connect = r#"{"id":1,"connect":{"client":"c","version":"6","ping":25,"pong":true}}"#;
    // A frame may hold a heartbeat, too.
    socket.send(Message::text(format!("{{}}\n{connect}"))).ok()?;
    assert_eq!(command(&mut socket)?, json!({}));
    let mut count = history.len();
    let mut subscribed = json!({ "recoverable": true, "positioned": true, "epoch": EPOCH });
    let subscribe = command(&mut socket)?;
    let asked = &subscribe["subscribe"];
    assert_eq!((&subscribe["id"], &asked["channel"]), (&json!(2), &json!("bench")));
    let from = if asked["recover"] == true {
        assert_eq!(asked["epoch"], EPOCH);
        let from = usize::try_from(asked["offset"].as_u64().unwrap()).unwrap();
        let publication = |(offset, message): (usize, &String)| {
            let data: Value = serde_json::from_str(message).unwrap();
            json!({ "data": data, "offset": offset })
        };
        let missed = history.after(from);
        count = from + missed.len();
        let missed: Vec<_> = (from + 1..).zip(&missed).map(publication).collect();
        subscribed["recovered"] = json!(true);
        if !missed.is_empty() {
            subscribed["publications"] = json!(missed);
        }
        from
    } else {
        count
    };
    if from > 0 {
        subscribed["offset"] = json!(from);
    }
    let subscribed = format!(r#"{{"id":2,"subscribe":{subscribed}}}"#);
    socket.send(Message::text(subscribed)).ok()?;
    // Nobody reads what a client says later. It says nothing.
    loop {
        let messages = history.wait_after(count);
        let frame: Vec<_> = pushes(&messages, count + 1)
            .into_iter()
            .map(|push| format!("{{\"push\":{push}}}"))
            .collect();
        count += messages.len();
        socket.send(Message::text(frame.join("\n"))).ok()?;
    }
}

/// Returns the next command of a client.
fn command(socket: &mut WebSocket<TcpStream>) -> Option<Value> {
    let text = socket.read().ok()?.into_text().ok()?;
    Some(serde_json::from_str(&text).unwrap())
}

/// Measures a target. Returns its row, which is complete.
fn complete(bench: &Workbench, file: &str, transport: &str, faults: &str) -> Row {
    let scenario = format!("{SCENARIO}\n{faults}");
    let more = ["--transports", transport];
    let measured = bench.measure(&scenario, &[bench.target(file)], &more);
    assert_eq!(measured.ended.code, Some(0), "{file}, {transport}: {:?}", measured.ended);
    let row = measured.rows.into_iter().next().unwrap();
    assert!(row.number("published") >= Some(10.0), "{file}, {transport}: {row:?}");
    assert_eq!(row.number("received"), row.number("expected"), "{file}, {transport}: {row:?}");
    for none in ["missing", "duplicate", "out_of_order", "publish_refused"] {
        assert_eq!(row.number(none), Some(0.0), "{file}, {transport}, {none}: {row:?}");
    }
    row
}

/// Checks that the first message is refused without the right secret, and that the secret is not
/// shown.
fn assert_refused(bench: &Workbench, file: &str, transport: &str, answer: &str) {
    let more = ["--transports", transport];
    let measured = bench.measure(SCENARIO, &[bench.target(file)], &more);
    assert_eq!(measured.ended.code, Some(4), "{file}: {:?}", measured.ended);
    let said = &measured.ended.stderr;
    assert!(said.contains(answer) && !said.contains("wrong-sesame"), "{file}: {said}");
}

#[test]
fn mercure_is_published_to_by_forms_and_resumes_over_events() {
    let url = format!("http://{}{MERCURE}", start(mercure));
    let bench = |token| {
        let bench = Workbench::new().with_variable("WIREBENCH_MERCURE_URL", &url);
        bench.with_variable("WIREBENCH_MERCURE_TOKEN", token)
    };
    complete(&bench(SECRET), "mercure.toml", "sse", "");
    let row = complete(&bench(SECRET), "mercure.toml", "sse", CUTS);
    assert!(row.number("reconnects") > Some(0.0), "{row:?}");
    assert_refused(&bench("wrong-sesame"), "mercure.toml", "sse", "401 Unauthorized");
}

#[test]
fn centrifugo_recovers_over_a_websocket_and_not_over_events() {
    let address = start(centrifugo);
    let bench = |key| {
        let bench = Workbench::new().with_variable("WIREBENCH_CENTRIFUGO", &address);
        bench.with_variable("WIREBENCH_CENTRIFUGO_KEY", key)
    };
    complete(&bench(SECRET), "centrifugo.toml", "sse", "");
    complete(&bench(SECRET), "centrifugo.toml", "websocket", "");
    let row = complete(&bench(SECRET), "centrifugo.toml", "websocket", CUTS);
    assert!(row.number("reconnects") > Some(0.0), "{row:?}");
    let refusal = "permission denied";
    assert_refused(&bench("wrong-sesame"), "centrifugo.toml", "websocket", refusal);
}
