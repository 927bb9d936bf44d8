//! The publisher against a small server, which answers as each test wants.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use wirebench_loadgen::CountedMessages;
use wirebench_protocol::control::{CountWindow, Pace, Payload, Publisher};
use wirebench_protocol::{Epoch, Timestamp};
use wirebench_scenario::TargetFile;
use wirebench_target::TargetServer;

/// Upper bound of every wait. It is reached only if something hangs.
const DEADLINE: Duration = Duration::from_mins(5);

const RUN: Epoch = Epoch(0xab);

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Answer(u16),
    /// Answers with this status, and closes the connection.
    AnswerAndClose(u16),
    /// Reads the request and closes the connection.
    Close,
}

/// A request as the server got it.
#[derive(Clone, Debug)]
struct Seen {
    head: String,
    body: String,
}

/// A server that takes messages, one connection after the other.
struct SmallServer {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl SmallServer {
    /// `react` gets the number of the request, from 0.
    async fn start(react: impl Fn(usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let mut socket = BufReader::new(socket);
                while let Some(request) = read_request(&mut socket).await {
                    let number = requests.lock().len();
                    requests.lock().push(request);
                    if !answer(&mut socket, react(number)).await {
                        break;
                    }
                }
            }
        });
        Self { port, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Returns a target whose messages go to this server.
    fn target(&self, more: &str) -> Arc<TargetFile> {
        let port = self.port;
        let text = format!(
            "publish.url = 'http://127.0.0.1:{port}/publish'\n{more}\n\
             sse.url = 'http://127.0.0.1:{port}/sse'\n"
        );
        let file = TargetFile::parse("small.toml", &text, Path::new(""));
        Arc::new(file.unwrap_or_else(|error| panic!("{error}\n{text}")))
    }
}

async fn read_request(socket: &mut BufReader<TcpStream>) -> Option<Seen> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if socket.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).await.ok()?;
    Some(Seen { head, body: String::from_utf8(body).unwrap() })
}

/// Returns true if the connection goes on.
async fn answer(socket: &mut BufReader<TcpStream>, reaction: Reaction) -> bool {
    let (status, closes) = match reaction {
        Reaction::Answer(status) => (status, false),
        Reaction::AnswerAndClose(status) => (status, true),
        Reaction::Close => return false,
    };
    let close = if closes { "Connection: close\r\n" } else { "" };
    let body = "no, because of sesame";
    let text =
        format!("HTTP/1.1 {status} x\r\n{close}Content-Length: {}\r\n\r\n{body}", body.len());
    socket.get_mut().write_all(text.as_bytes()).await.is_ok() && !closes
}

fn plan(rate: f64) -> Publisher {
    Publisher {
        rate,
        pace: Pace::Exact,
        payload: Payload::Bytes(20),
        seed: 1,
        timers: 1,
        until_acknowledged: false,
    }
}

/// Publishes to a target until the server has got so many requests. Returns what was counted.
async fn publish(server: &SmallServer, more: &str, rate: f64, requests: usize) -> CountedMessages {
    let target = TargetServer::start(server.target(more), RUN).await.unwrap();
    let control = target.control();
    let from_ns = Timestamp::now();
    control.count(CountWindow { from_ns, to_ns: from_ns + DEADLINE }).await.unwrap();
    control.start_publisher(&plan(rate)).await.unwrap();
    let enough = async {
        while server.seen().len() < requests {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, enough).await.expect("the publisher goes on");
    control.stop_publisher().await.unwrap();
    let counted = control.counted().await.unwrap();
    assert!(control.usage().await.unwrap().cpu.is_none(), "the process is not known");
    counted
}

/// Returns the number and the due time in each message.
fn messages(server: &SmallServer) -> Vec<(u64, u64)> {
    let number = |message: &Value, key: &str| message[key].as_u64().unwrap();
    let message = |seen: &Seen| {
        let message: Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(message["run"], "00000000000000ab");
        assert_eq!(message["payload"].as_str().unwrap().len(), 18);
        (number(&message, "seq"), number(&message, "published_ns"))
    };
    server.seen().iter().map(message).collect()
}

#[tokio::test]
async fn messages_are_numbered_in_order_and_due_at_the_pace() {
    let server = SmallServer::start(|_| Reaction::Answer(201)).await;
    let counted = publish(&server, "", 200.0, 20).await;
    let messages = messages(&server);
    let numbers: Vec<u64> = messages.iter().map(|(seq, _)| *seq).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    // The first one is published before the schedule begins.
    let gaps: Vec<_> = messages[1..].windows(2).map(|pair| pair[1].1 - pair[0].1).collect();
    assert!(gaps.iter().all(|gap| *gap == 5_000_000), "{gaps:?}");
    let publishing = counted.publishing.unwrap();
    assert_eq!(counted.window.feed.published, numbers.len() as u64);
    assert_eq!((publishing.accepted.len(), publishing.refused), (numbers.len() as u64, 0));
    assert_eq!(counted.window.feed.last_seq, numbers.last().copied());
}

#[tokio::test]
async fn a_refused_number_is_used_again_and_one_without_an_answer_is_not() {
    let server = SmallServer::start(|number| match number {
        3 | 4 => Reaction::Answer(503),
        8 => Reaction::Close,
        _ => Reaction::Answer(200),
    })
    .await;
    let counted = publish(&server, "", 500.0, 12).await;
    let numbers: Vec<u64> = messages(&server).iter().map(|(seq, _)| *seq).collect();
    // The messages 3 and 4 were refused, so that number 4 came three times.
    assert_eq!(numbers[..12], [1, 2, 3, 4, 4, 4, 5, 6, 7, 8, 9, 10]);
    let publishing = counted.publishing.unwrap();
    let sent = numbers.len() as u64;
    assert_eq!(publishing.refused, 2);
    assert_eq!(publishing.accepted.len(), sent - 3, "one was not answered");
    assert_eq!(counted.window.feed.published, sent - 2);
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_opened_again_and_nothing_is_lost() {
    let server = SmallServer::start(|_| Reaction::AnswerAndClose(200)).await;
    let counted = publish(&server, "", 300.0, 20).await;
    let (published, publishing) = (counted.window.feed.published, counted.publishing.unwrap());
    assert_eq!((publishing.refused, publishing.accepted.len()), (0, published));
    assert!(published >= 20, "{published}");
}

#[tokio::test]
async fn requests_are_as_the_target_file_says() {
    let server = SmallServer::start(|_| Reaction::Answer(409)).await;
    let more = "publish.ok = [409]\npublish.method = 'PUT'\n\
                publish.headers = { X-Run = '{run}/{seq}', Content-Type = 'application/json' }\n\
                publish.body = '{\"data\":{payload_string}}'\n";
    publish(&server, more, 200.0, 3).await;
    let seen = &server.seen()[1];
    assert!(seen.head.starts_with("PUT /publish HTTP/1.1\r\n"), "{seen:?}");
    let head = seen.head.to_lowercase();
    assert!(head.contains("x-run: 00000000000000ab/2\r\n"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)), "{head}");
    let outer: Value = serde_json::from_str(&seen.body).unwrap();
    let inner: Value = serde_json::from_str(outer["data"].as_str().unwrap()).unwrap();
    assert_eq!(inner["seq"], 2);
}

#[tokio::test]
async fn the_text_of_an_answer_may_accept_or_refuse_a_message() {
    let server = SmallServer::start(|_| Reaction::Answer(200)).await;
    for (more, expected) in [
        ("publish.refused = '*sesame'\n", "expected not `*sesame` (`refused`)"),
        ("publish.accepted = 'yes*'\n", "expected `yes*` (`accepted`)"),
    ] {
        let error = error_of_first(server.target(more)).await;
        let answered = format!("was answered with 200 OK, `no, because of sesame`: {expected}");
        assert!(error.ends_with(&answered), "{error}");
    }
    let more = "publish.refused = 'yes*'\npublish.accepted = 'no*sesame'\n";
    let counted = publish(&server, more, 200.0, 5).await;
    assert_eq!(counted.publishing.unwrap().refused, 0);
}

/// Returns the error of a publisher whose first message is not accepted.
async fn error_of_first(target: Arc<TargetFile>) -> String {
    let server = TargetServer::start(target, RUN).await.unwrap();
    let error = server.control().start_publisher(&plan(100.0)).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn a_first_message_that_is_refused_says_what_was_sent_and_what_came_back() {
    let server = SmallServer::start(|_| Reaction::Answer(401)).await;
    // A variable that every environment has stands for a secret.
    let more = "publish.headers = { Authorization = 'Bearer {env:PATH}' }\n";
    let error = error_of_first(server.target(more)).await;
    let url = format!("`POST http://127.0.0.1:{}/publish`", server.port);
    for piece in [
        url.as_str(),
        "`Authorization: Bearer {env:PATH}`",
        "\"seq\":1,",
        "was answered with 401 Unauthorized, `no, because of sesame`",
        "expected a status from 200 to 299",
    ] {
        assert!(error.contains(piece), "{piece} in {error}");
    }
    assert!(!error.contains(&std::env::var("PATH").unwrap()), "{error}");
    let sent = &server.seen()[0];
    assert!(sent.head.contains(&std::env::var("PATH").unwrap()), "the server gets the secret");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gone = SmallServer { port: nobody, seen: Arc::default() };
    let error = error_of_first(gone.target("")).await;
    assert!(error.contains("found no server"), "{error}");
    let closing = SmallServer::start(|_| Reaction::Close).await;
    let error = error_of_first(closing.target("")).await;
    assert!(error.contains("lost its connection"), "{error}");
}

#[tokio::test]
async fn a_command_gets_each_message_as_a_line() {
    let folder = TempDir::new().unwrap();
    let text = "publish.command = ['sh', '-c', 'cat > \"$1/lines\"', 'sh', '{here}']\n\
                sse.url = 'http://127.0.0.1:1/'\n";
    let file = Arc::new(TargetFile::parse("x.toml", text, folder.path()).unwrap());
    let server = TargetServer::start(file, RUN).await.unwrap();
    let control = server.control();
    let from_ns = Timestamp::now();
    control.count(CountWindow { from_ns, to_ns: from_ns + DEADLINE }).await.unwrap();
    control.start_publisher(&plan(1_000.0)).await.unwrap();
    let enough = async {
        while control.usage().await.unwrap().published < Some(10) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, enough).await.expect("the publisher goes on");
    control.stop_publisher().await.unwrap();
    let counted = control.counted().await.unwrap();
    let lines = std::fs::read_to_string(folder.path().join("lines")).unwrap();
    let sequence = |line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_u64().unwrap();
    let numbers: Vec<u64> = lines.lines().map(sequence).collect();
    assert_eq!(numbers, (1..=counted.window.feed.published).collect::<Vec<_>>());
    assert!(counted.publishing.unwrap().accepted.is_empty(), "a command accepts nothing");
}

#[tokio::test]
async fn a_command_that_ends_is_reported_with_its_last_lines() {
    let text = "publish.command = ['sh', '-c', 'echo cannot log in >&2; exit 7']\n\
                sse.url = 'http://127.0.0.1:1/'\n";
    let file = Arc::new(TargetFile::parse("x.toml", text, Path::new("")).unwrap());
    let server = TargetServer::start(file, RUN).await.unwrap();
    let control = server.control();
    let from_ns = Timestamp::now();
    control.count(CountWindow { from_ns, to_ns: from_ns + DEADLINE }).await.unwrap();
    // Whether the first line is written before the command ends is a race.
    if let Err(error) = control.start_publisher(&plan(1_000.0)).await {
        assert!(error.to_string().contains("cannot log in"), "{error}");
        return;
    }
    let refused = async {
        while control.counted().await.unwrap().publishing.unwrap().refused == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("the command has ended");
    control.stop_publisher().await.unwrap();
}
