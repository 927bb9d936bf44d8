//! Publishes over a WebSocket of the server, by a text for each message.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use http::{HeaderName, HeaderValue, Uri};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use wirebench_loadgen::{
    SocketRequest, SocketScript, SubscribeError, Target, TargetError, TextSocket,
};
use wirebench_scenario::target::{Pattern, PublishTable, Split, Template, UnknownPlaceholder};

use super::message::{OutgoingMessage, PublishOutcome, quote};
use crate::failure::TargetFailure;
use crate::http_endpoint::words;
use crate::values::PlaceholderValues;

/// How long the server may take to take a text, or to answer it.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long a socket may be silent between two messages. A server without heartbeats has nothing to
/// say to a publisher.
const SILENCE_TIMEOUT: Duration = Duration::from_hours(1);

/// The socket of a target over which messages are published. It is opened for the first one, and
/// again when the server has closed it.
#[derive(Debug)]
pub(crate) struct SocketRoute {
    script: PublisherScript,
    target: Target,
    request: SocketRequest,
    open: Option<OpenSocket>,
}

/// An open socket, and what the server has given in its handshake.
#[derive(Debug)]
struct OpenSocket {
    socket: TextSocket<PublisherScript>,
    kept: Vec<(String, String)>,
}

/// What the target file says of the socket. Clones share it.
#[derive(Clone, Debug)]
struct PublisherScript(Arc<(PublishTable, PlaceholderValues)>);

/// What the server has said to a message.
enum Answer {
    Accepted,
    Refused(String),
    /// It has closed the connection. The last text that came before may say why.
    Closed(Option<String>),
}

impl SocketRoute {
    /// Resolves the host.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, a header is not valid, or the host has no address.
    pub(super) async fn of(
        table: &PublishTable,
        values: PlaceholderValues,
    ) -> Result<Self, TargetFailure> {
        let url: Uri = values
            .fill(&table.url)?
            .parse()
            .map_err(|_| TargetFailure::Request { what: "URL", text: values.shown(&table.url) })?;
        let target = resolve(&url).await.map_err(|source| TargetFailure::Url {
            key: "publish.url",
            url: values.shown(&table.url),
            source,
        })?;
        let request = request(table, &values, &url)?;
        let script = PublisherScript(Arc::new((table.clone(), values)));
        Ok(Self { script, target, request, open: None })
    }

    /// Publishes a message. It is accepted when the server says so, or once it is written if the
    /// target file does not say what accepts a message.
    ///
    /// # Errors
    ///
    /// A placeholder has no value.
    pub(super) async fn publish(
        &mut self,
        message: &OutgoingMessage,
    ) -> Result<PublishOutcome, TargetFailure> {
        // What came since the last message, such as the end of the connection.
        let _ = self.attend().now_or_never();
        let mut open = match self.open.take() {
            Some(open) => open,
            None => match self.open().await {
                Ok(open) => open,
                Err(why) => return Ok(PublishOutcome::Refused(why)),
            },
        };
        let values = self.script.values();
        let text = values.fill_with(&self.script.table().body, &open.further(message))?;
        open.socket.allow(ANSWER_TIME);
        let answered = timeout(ANSWER_TIME, self.script.exchange(&mut open.socket, text)).await;
        let outcome = self.outcome(message, &open, answered);
        // After anything else, a late answer would be taken for that to the next message.
        if matches!(outcome, PublishOutcome::Accepted | PublishOutcome::Refused(_)) {
            open.socket.allow(SILENCE_TIMEOUT);
            self.open = Some(open);
        }
        Ok(outcome)
    }

    /// Returns what became of a message that was sent.
    fn outcome(
        &self,
        message: &OutgoingMessage,
        open: &OpenSocket,
        answered: Result<Result<Answer, SubscribeError>, Elapsed>,
    ) -> PublishOutcome {
        let sent = |outcome: &str| self.sent(message, open, outcome);
        match answered {
            Ok(Ok(Answer::Accepted)) => PublishOutcome::Accepted,
            Ok(Ok(Answer::Refused(text))) => {
                let outcome = format!("was answered with `{}`", self.quoted(&text));
                PublishOutcome::Refused(sent(&outcome))
            }
            Ok(Ok(Answer::Closed(last))) => {
                let last = last.map(|text| format!("`{}` and ", self.quoted(&text)));
                let last = last.unwrap_or_default();
                let outcome = format!("was answered with {last}the end of the connection");
                PublishOutcome::Unanswered(sent(&outcome))
            }
            Ok(Err(error)) => {
                let outcome = format!("lost its connection: {}", words(&error));
                PublishOutcome::Unanswered(sent(&outcome))
            }
            Err(_) => PublishOutcome::Unanswered(sent("was not answered within 10 s")),
        }
    }

    /// Answers heartbeats, and drops the socket when the server closes it. Other texts are ignored:
    /// no message waits for an answer. Never ends.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn attend(&mut self) -> Infallible {
        if let Some(open) = &mut self.open {
            while let Ok(Some(_)) = open.socket.next().await {}
            self.open = None;
        }
        pending().await
    }

    /// Closes the socket, once the server has read everything, for 2 s at most.
    pub(super) async fn close(self) {
        if let Some(open) = self.open {
            open.socket.close().await;
        }
    }

    /// Opens the socket and does the steps of its handshake.
    async fn open(&self) -> Result<OpenSocket, String> {
        let steps = &self.script.table().handshake.0;
        let script = self.script.clone();
        let dialled = TextSocket::dial(&self.target, &self.request, steps, script).await;
        dialled.map(|(socket, kept)| OpenSocket { socket, kept: kept.all() }).map_err(|error| {
            let values = self.script.values();
            let url = values.shown(&self.script.table().url);
            format!("`{url}`: {}", values.without_secrets(&words(&error)))
        })
    }

    /// Returns the beginning of an answer, without secrets.
    fn quoted(&self, answer: &str) -> String {
        quote(&self.script.values().without_secrets(answer))
    }

    /// Says what was sent, without secrets, and what came of it.
    fn sent(&self, message: &OutgoingMessage, open: &OpenSocket, outcome: &str) -> String {
        let (table, values) = (self.script.table(), self.script.values());
        let text = values.shown_with(&table.body, &open.further(message));
        let accepted = Some(table.accepted.text()).filter(|accepted| !accepted.is_empty());
        let expected = accepted.map(|accepted| format!(": expected `{accepted}` (`accepted`)"));
        format!(
            "`{}` over `{}` {}{}",
            quote(&text),
            values.shown(&table.url),
            values.without_secrets(outcome),
            expected.unwrap_or_default(),
        )
    }
}

impl OpenSocket {
    /// Returns the values that a text may name: those of the message, and those of the handshake.
    fn further<'v>(
        &'v self,
        message: &'v OutgoingMessage,
    ) -> impl Fn(&str) -> Option<Cow<'v, str>> {
        move |name| {
            let kept = self.kept.iter().find(|(known, _)| known == name);
            message.value(name).or_else(|| kept.map(|(_, value)| value.into()))
        }
    }
}

impl PublisherScript {
    fn table(&self) -> &PublishTable {
        &self.0.0
    }

    fn values(&self) -> &PlaceholderValues {
        &self.0.1
    }

    /// Sends a text, and waits for what accepts or refuses it, if the target file names that.
    async fn exchange(
        &self,
        socket: &mut TextSocket<Self>,
        text: String,
    ) -> Result<Answer, SubscribeError> {
        let PublishTable { accepted, refused, .. } = self.table();
        socket.send(text).await?;
        if accepted.is_empty() {
            return Ok(Answer::Accepted);
        }
        let mut last = None;
        while let Some(text) = socket.next().await? {
            if accepted.matches(&text) {
                return Ok(Answer::Accepted);
            }
            if !refused.is_empty() && refused.matches(&text) {
                return Ok(Answer::Refused(text));
            }
            last = Some(text);
        }
        Ok(Answer::Closed(last))
    }
}

impl SocketScript for PublisherScript {
    fn split(&self) -> Split {
        self.table().split
    }

    fn ping(&self) -> &Pattern {
        &self.table().ping
    }

    fn pong(&self) -> &Template {
        &self.table().pong
    }

    fn fill(&self, text: &Template, more: &[(&str, &str)]) -> Result<String, UnknownPlaceholder> {
        self.values().fill_with(text, &|name| {
            let more = more.iter().find(|(known, _)| *known == name);
            more.map(|(_, value)| Cow::Borrowed(*value))
        })
    }
}

/// Returns the request that opens the socket.
fn request(
    table: &PublishTable,
    values: &PlaceholderValues,
    url: &Uri,
) -> Result<SocketRequest, TargetFailure> {
    let mut headers = Vec::new();
    for (name, template) in &table.headers.0 {
        let invalid = |what, text: String| TargetFailure::Request { what, text };
        let value = HeaderValue::from_str(&values.fill(template)?)
            .map_err(|_| invalid("header value", values.shown(template)))?;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid("header name", name.clone()))?;
        headers.push((name, value));
    }
    let asked = Some(table.subprotocol.as_str()).filter(|name| !name.is_empty());
    let subprotocol = asked.map(HeaderValue::from_str).transpose();
    let subprotocol = subprotocol.map_err(|_| TargetFailure::Request {
        what: "subprotocol",
        text: table.subprotocol.clone(),
    })?;
    let path = url.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Ok(SocketRequest { path, headers, subprotocol })
}

/// Resolves the host of a URL, whatever its path.
async fn resolve(url: &Uri) -> Result<Target, TargetError> {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    Target::resolve(&format!("{}://{authority}", url.scheme_str().unwrap_or_default())).await
}
