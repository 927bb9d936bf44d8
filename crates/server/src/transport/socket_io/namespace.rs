//! The namespaces: one for each feed. What a client may do in it, and what its events do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, StatusCode};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::{ConnectHandler, MessageHandler, Value};
use socketioxide::socket::{DisconnectReason, Socket};
use socketioxide_core::Str;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wirebench_protocol::{Cursor, SubscriberName, Transport, is_first_placeholder};

use super::adapter::{Adapters, PacketSender, RegisteredAdapter};
use super::answers::{ClientAnswers, WaitingAnswers};
use super::delivery::FeedFollower;
use super::session::{EngineSession, SessionCloseReason};
use crate::api_error::ApiError;
use crate::feed::{Acknowledgement, Feed, JsonPayload, MessagePayload, PublishOptions, Rejected};
use crate::framing::socket_io as framing;
use crate::state::SharedState;
use crate::transport::subscription::{AskedPlace, Subscription};

/// The pause before a store that is away is asked again where a client starts.
const STORE_PAUSE: Duration = Duration::from_millis(200);

/// The `auth` of a client that connects to a namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Auth {
    /// A cursor, `start`, or nothing.
    #[serde(default)]
    after: String,
    /// The name of the subscriber, to which messages may be addressed.
    #[serde(rename = "as")]
    name: Option<SubscriberName>,
    /// The period of the push timer, in seconds.
    every: Option<f64>,
    /// The token, for a client that cannot set a header.
    token: Option<String>,
    /// A ticket in place of the token.
    ticket: Option<String>,
}

/// What a client that was admitted gets.
#[derive(Clone)]
struct Admitted {
    subscription: Subscription,
    after: Cursor,
    may_publish: bool,
}

/// Why a client may not connect. Its text is the message of the packet `CONNECT_ERROR`.
struct ConnectRefused(ApiError);

impl fmt::Display for ConnectRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.text())
    }
}

/// Adds the namespace of a feed.
pub(super) fn add(
    io: &SocketIo<RegisteredAdapter>,
    adapters: &Adapters,
    server: &Arc<SharedState>,
    name: &str,
    feed: &Feed,
) {
    let admit = {
        let (server, feed) = (Arc::clone(server), feed.clone());
        async move |socket: SocketRef<RegisteredAdapter>, TryData(auth): TryData<Auth>| {
            let auth = auth.map_err(|error| {
                let hint = "`auth` is an object with `after`, `as`, `every`, `token` and `ticket`, all \
                            optional";
                ConnectRefused(ApiError::bad_request(error.to_string(), hint))
            })?;
            let session = session(&socket);
            let admitted = admit(&server, &feed, &session, &auth).await.map_err(ConnectRefused)?;
            socket.extensions.insert(admitted);
            Ok::<(), ConnectRefused>(())
        }
    };
    let adapters = adapters.clone();
    let connected = async move |socket: SocketRef<RegisteredAdapter>| {
        if let Some(sender) = adapters.sender(socket.ns(), socket.id) {
            serve(&socket, sender);
        }
    };
    io.ns(format!("/feeds/{name}"), connected.with(admit));
}

/// Adds the main namespace, `/`, which every client asks for that names no other. It has no feed and
/// refuses everybody, with a message that says where the feeds are.
pub(super) fn add_main(io: &SocketIo<RegisteredAdapter>) {
    let refuse = async || {
        let hint = "connect to `/feeds/{feed}`";
        let error = ApiError::new(StatusCode::NOT_FOUND, "the namespace `/` has no feed", hint);
        Err::<(), _>(ConnectRefused(error))
    };
    // Nobody gets past the refusal.
    let connected = async || ();
    io.ns("/", connected.with(refuse));
}

/// Returns our side of the session of a client. It came with the opening request.
fn session(socket: &Socket<RegisteredAdapter>) -> Arc<EngineSession> {
    let session = socket.req_parts().extensions.get::<Arc<EngineSession>>();
    Arc::clone(session.expect("each session is opened with it"))
}

/// Checks what a client asks for.
async fn admit(
    server: &Arc<SharedState>,
    feed: &Feed,
    session: &EngineSession,
    auth: &Auth,
) -> Result<Admitted, ApiError> {
    let mut headers = session.headers.clone();
    if let Some(token) = &auth.token
        && let Ok(token) = HeaderValue::try_from(format!("Bearer {token}"))
    {
        headers.insert(AUTHORIZATION, token);
    }
    let ticket = auth.ticket.as_deref().or(session.ticket.as_deref());
    server.access.subscribe(ticket, &headers)?;
    let subscription = Subscription::new(Transport::SocketIo, server, feed, auth.name.clone())
        .with_push_timer(auth.every)?;
    let asked = auth.after.parse();
    let connect_time = server.limits.socket_io.connect_time;
    let after = locate_in_time(&subscription, session, &asked, connect_time).await?;
    let may_publish = server.access.publish(ticket, &headers).is_ok();
    Ok(Admitted { subscription, after, may_publish })
}

/// Returns the cursor at which a client starts. Waits for a store that is away: clients of Socket.IO
/// do not come back by themselves after a refusal.
async fn locate_in_time(
    subscription: &Subscription,
    session: &EngineSession,
    asked: &AskedPlace,
    within: Duration,
) -> Result<Cursor, ApiError> {
    let until = Instant::now() + within;
    loop {
        match subscription.locate(asked).await {
            Err(error)
                if error.is_temporary() && Instant::now() < until && !session.is_closing() =>
            {
                sleep(STORE_PAUSE).await;
            }
            located => return located,
        }
    }
}

/// Serves a client that has just connected: follows the feed for it, and handles its events.
fn serve(socket: &SocketRef<RegisteredAdapter>, sender: PacketSender) {
    let Some(admitted) = socket.extensions.remove::<Admitted>() else { return };
    let session = session(socket);
    let Admitted { subscription, after, may_publish } = admitted;
    let gone = CancellationToken::new();
    let (left, ended) = (gone.clone(), Arc::clone(&session));
    let waiting = Arc::new(OnceLock::new());
    socket.on_disconnect(async move |reason: DisconnectReason| {
        if let Some(end) = session_end(reason) {
            ended.set_end(end);
        }
        left.cancel();
    });
    socket.on_fallback(InOrder(ClientEvents {
        feed: subscription.feed.clone(),
        answers: ClientAnswers {
            server: Arc::clone(&subscription.server),
            session: Arc::clone(&session),
            sender: sender.clone(),
        },
        may_publish,
        waiting: Arc::clone(&waiting),
        gone: gone.clone(),
    }));
    // A client that left before the handler was set is not announced to it.
    if socket.connected() {
        FeedFollower { subscription, session, sender, waiting, gone }.spawn(after);
    }
}

/// Returns why a session ends whose client leaves a namespace; `None` if the session goes on.
fn session_end(reason: DisconnectReason) -> Option<SessionCloseReason> {
    match reason {
        DisconnectReason::TransportClose | DisconnectReason::TransportError => {
            Some(SessionCloseReason::Client)
        }
        DisconnectReason::HeartbeatTimeout => Some(SessionCloseReason::Heartbeat),
        DisconnectReason::MultipleHttpPollingError | DisconnectReason::PacketParsingError => {
            Some(SessionCloseReason::Protocol)
        }
        DisconnectReason::ClosingServer => Some(SessionCloseReason::Stopped),
        DisconnectReason::ClientNSDisconnect | DisconnectReason::ServerNSDisconnect => None,
    }
}

/// Handles the events of one client of a feed.
struct ClientEvents {
    feed: Feed,
    answers: ClientAnswers,
    may_publish: bool,
    /// The answers that wait for the store of the feed. The first one creates the queue.
    waiting: Arc<OnceLock<WaitingAnswers>>,
    /// Cancelled when the client leaves the namespace.
    gone: CancellationToken,
}

/// A handler that is called by the task that reads from the client. The library would run others as
/// a task for each event, in any order.
struct InOrder<T>(T);

impl MessageHandler<RegisteredAdapter, InOrder<ClientEvents>> for InOrder<ClientEvents> {
    fn call(&self, _: Arc<Socket<RegisteredAdapter>>, data: Value, acknowledge: Option<i64>) {
        if self.0.handle(data, acknowledge).is_none() {
            let ClientAnswers { server, session, .. } = &self.0.answers;
            let session = Arc::clone(session);
            server.spawn(async move { session.close(SessionCloseReason::Protocol).await });
        }
    }
}

impl ClientEvents {
    /// Handles an event: `data` is its name and its arguments. Returns `None` if the session has to
    /// end, because the event is malformed or because its answer finds no room.
    fn handle(&self, data: Value, acknowledge: Option<i64>) -> Option<()> {
        let Value::Str(text, attachments) = data else { return None };
        let parts: Vec<&RawValue> = serde_json::from_str(&text).ok()?;
        let (name, arguments) = parts.split_first()?;
        let answer = match name.get() {
            "\"publish\"" => return self.publish(arguments, attachments.as_ref(), acknowledge),
            "\"echo\"" => {
                self.answers.server.metrics.publishing.echoed();
                if acknowledge.is_none() {
                    return self.answers.emit(Value::Str(text, attachments));
                }
                let arguments: Vec<_> = arguments.iter().map(|part| part.get()).collect();
                Value::Str(format!("[{}]", arguments.join(",")).into(), attachments)
            }
            _ => Value::Str(unknown_event(), None),
        };
        match acknowledge {
            Some(event) => self.answers.acknowledge(event, answer),
            None => Some(()),
        }
    }

    /// Publishes the first argument of an event, and acknowledges the event once the message is in
    /// the feed. Publishing is acknowledged in the order of the events.
    fn publish(
        &self,
        arguments: &[&RawValue],
        attachments: Option<&VecDeque<Bytes>>,
        event: Option<i64>,
    ) -> Option<()> {
        let offer = || {
            let offered = self.offer(arguments, attachments);
            offered.unwrap_or_else(|rejected| Err(rejected).into())
        };
        let Some(waiting) = self.waiting.get() else {
            return match offer().at_once() {
                Ok(published) => self.answers.acknowledge_published(event, published),
                Err(later) => {
                    let start = || WaitingAnswers::start(self.answers.clone(), self.gone.clone());
                    self.waiting.get_or_init(start).push(event, later)
                }
            };
        };
        if waiting.is_full() {
            return self.answers.acknowledge_published(event, Err(Rejected::too_many_waiting()));
        }
        waiting.push(event, offer())
    }

    fn offer(
        &self,
        arguments: &[&RawValue],
        attachments: Option<&VecDeque<Bytes>>,
    ) -> Result<Acknowledgement, Rejected> {
        if !self.may_publish {
            let hint = "connect with the token, or with a ticket that was given for it";
            return Err(Rejected::forbidden("publishing requires a token", hint));
        }
        let (payload, options) = match arguments {
            [payload] => (payload, PublishOptions::default()),
            [payload, options] => match serde_json::from_str(options.get()) {
                Ok(options) => (payload, options),
                Err(error) => return Err(Rejected::malformed(error.to_string(), PUBLISH_HINT)),
            },
            _ => return Err(Rejected::malformed("a message is one argument", PUBLISH_HINT)),
        };
        let max_bytes = self.answers.server.limits.message_bytes;
        let payload = payload_of(payload, attachments, max_bytes)?;
        Ok(self.feed.offer_payload(&payload, &options))
    }
}

/// What to emit to publish a message.
const PUBLISH_HINT: &str = "emit `publish` with any JSON value or with bytes, and with an object \
                            of `key` if you may repeat it, and of `to` or `except` if it is not \
                            for everybody";

/// Returns the payload that an argument stands for: itself, or the one attachment of the event.
fn payload_of(
    argument: &RawValue,
    attachments: Option<&VecDeque<Bytes>>,
    max_bytes: usize,
) -> Result<MessagePayload, Rejected> {
    let attachments: Vec<&Bytes> = attachments.into_iter().flatten().collect();
    let (payload, length) = match attachments[..] {
        [] => {
            let json = argument.get();
            (JsonPayload::from_json(json.as_bytes())?.into(), json.len())
        }
        [bytes] if is_first_placeholder(argument.get()) => {
            (MessagePayload::Binary(bytes.clone()), bytes.len())
        }
        _ => {
            let error = "the first argument is neither JSON nor bytes, but JSON with bytes in it";
            return Err(Rejected::malformed(error, PUBLISH_HINT));
        }
    };
    if length > max_bytes {
        let error = format!("a payload has at most {max_bytes} bytes");
        return Err(Rejected::malformed(error, PUBLISH_HINT));
    }
    Ok(payload)
}

fn unknown_event() -> Str {
    framing::refused("unknown event", "emit `publish` or `echo`", 404)
}
