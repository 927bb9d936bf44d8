//! A client of the `DevTools` protocol. It starts Chromium, and exchanges commands, answers and
//! events with it as JSON over one WebSocket.
//!
//! Crates with a type for each command of the protocol take minutes to compile. The tests need
//! about twenty commands.

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

/// How long a test waits for anything that a page or the browser does.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Arguments that avoid background activity, and let all tabs run at full speed at the same time.
const ARGUMENTS: [&str; 17] = [
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--lang=en_US",
    "--no-first-run",
    "--password-store=basic",
];

type DevtoolsSocket = WebSocketStream<TcpStream>;
type AnswerSender = oneshot::Sender<Result<Value, String>>;
/// Called with the name of an event and its parameters.
type Listener = Box<dyn Fn(&str, &Value) + Send>;

/// A running browser. [`Browser::close`] ends it, and dropping it kills its process.
pub(crate) struct Browser {
    process: Child,
    connection: Arc<DevtoolsConnection>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser and connects to it.
    pub(crate) async fn launch(program: &Path) -> Self {
        let profile = TempDir::new().unwrap();
        let mut process = Command::new(program)
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start `{}`: {error}", program.display()));
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = timeout(DEADLINE, address(&mut lines)).await;
        let url = url.unwrap_or_else(|_| panic!("no address of the browser within {DEADLINE:?}"));
        // Read on, because a full pipe would stop Chromium. The task ends with the process.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let connection = timeout(DEADLINE, DevtoolsConnection::open(&url)).await;
        let connection =
            connection.unwrap_or_else(|_| panic!("no connection to {url} within {DEADLINE:?}"));
        Self { process, connection, _profile: profile }
    }

    /// Opens an empty page in a browser context of its own. `listener` receives the page's events.
    pub(crate) async fn open(
        &self,
        listener: impl Fn(&str, &Value) + Send + 'static,
    ) -> PageSession {
        let context = self.call("Target.createBrowserContext", json!({})).await.unwrap();
        let context = text(&context, "browserContextId");
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = self.call("Target.createTarget", target).await.unwrap();
        let target = json!({ "targetId": text(&target, "targetId"), "flatten": true });
        let attached = self.call("Target.attachToTarget", target).await.unwrap();
        let id = text(&attached, "sessionId");
        lock(&self.connection.listeners).insert(id.clone(), Box::new(listener));
        let session = PageSession { id, context, connection: Arc::clone(&self.connection) };
        for domain in ["Page", "Network", "Runtime", "Log"] {
            session.call(&format!("{domain}.enable"), json!({})).await.unwrap();
        }
        session.call("Page.setLifecycleEventsEnabled", json!({ "enabled": true })).await.unwrap();
        session
    }

    /// Asks the browser to exit, and waits until it has.
    pub(crate) async fn close(&mut self) {
        // There may be no answer, because the browser closes the connection.
        let _ = self.call("Browser.close", json!({})).await;
        if timeout(DEADLINE, self.process.wait()).await.is_err() {
            let _ = self.process.kill().await;
        }
    }

    async fn call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.connection.call(None, method, parameters).await
    }
}

/// Returns the address that Chromium writes to standard error once it listens.
async fn address(lines: &mut Lines<BufReader<ChildStderr>>) -> String {
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(url) = line.strip_prefix("DevTools listening on ") {
            return url.to_owned();
        }
        said.push(line);
    }
    panic!("the browser ended before it listened: {said:#?}")
}

/// The client's connection to one page.
pub(crate) struct PageSession {
    id: String,
    context: String,
    connection: Arc<DevtoolsConnection>,
}

impl PageSession {
    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    /// The page rejects the command, is gone, or does not answer before the deadline.
    pub(crate) async fn call(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.connection.call(Some(&self.id), method, parameters).await
    }

    /// Closes the page with its browser context.
    pub(crate) async fn close(&self) {
        let context = json!({ "browserContextId": self.context });
        let _ = self.connection.call(None, "Target.disposeBrowserContext", context).await;
        lock(&self.connection.listeners).remove(&self.id);
    }
}

struct DevtoolsConnection {
    sink: tokio::sync::Mutex<SplitSink<DevtoolsSocket, Message>>,
    last_id: AtomicU64,
    /// The callers that wait for an answer, by command. [`DevtoolsConnection::call`] removes those
    /// that time out.
    waiting: Mutex<HashMap<u64, AnswerSender>>,
    /// The listeners for events, by session.
    listeners: Mutex<HashMap<String, Listener>>,
}

impl DevtoolsConnection {
    async fn open(url: &str) -> Arc<Self> {
        let host = url.strip_prefix("ws://").and_then(|rest| rest.split('/').next());
        let host = host.unwrap_or_else(|| panic!("`{url}` is no address of a WebSocket"));
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let (sink, incoming) = socket.split();
        let connection = Arc::new(Self {
            sink: tokio::sync::Mutex::new(sink),
            last_id: AtomicU64::new(0),
            waiting: Mutex::default(),
            listeners: Mutex::default(),
        });
        // Ends when the browser closes the connection.
        tokio::spawn(read(incoming, Arc::clone(&connection)));
        connection
    }

    async fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, String> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, sender);
        let exchanged = async {
            let sent = self.sink.lock().await.send(Message::text(command.to_string())).await;
            sent.map_err(|error| error.to_string())?;
            answer.await.map_err(|_| "the connection to the browser ended".to_owned())?
        };
        let answered = timeout(DEADLINE, exchanged).await;
        lock(&self.waiting).remove(&id);
        answered
            .unwrap_or_else(|_| Err(format!("no answer within {DEADLINE:?}")))
            .map_err(|error| format!("{method}: {error}"))
    }

    /// Passes an answer to its caller, and an event to the listener of its session.
    fn receive(&self, message: &Value) {
        if let Some(id) = message["id"].as_u64() {
            let answer = match message.get("error") {
                Some(error) => Err(error["message"].as_str().unwrap_or("refused").to_owned()),
                None => Ok(message["result"].clone()),
            };
            if let Some(waiting) = lock(&self.waiting).remove(&id) {
                let _ = waiting.send(answer);
            }
        } else if let (Some(session), Some(event)) =
            (message["sessionId"].as_str(), message["method"].as_str())
            && let Some(listener) = lock(&self.listeners).get(session)
        {
            listener(event, &message["params"]);
        }
    }
}

async fn read(mut incoming: SplitStream<DevtoolsSocket>, connection: Arc<DevtoolsConnection>) {
    while let Some(Ok(message)) = incoming.next().await {
        if let Message::Text(text) = message
            && let Ok(message) = serde_json::from_str(&text)
        {
            connection.receive(&message);
        }
    }
    // Fails all callers: no more answers can arrive.
    lock(&connection.waiting).clear();
}

/// Returns a required field of an answer.
fn text(answer: &Value, field: &str) -> String {
    let found = answer[field].as_str();
    found.unwrap_or_else(|| panic!("no `{field}` in {answer}")).to_owned()
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
