//! A Socket.IO client (Engine.IO 4, Socket.IO 5) for any server.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::BoxStream;
use http::header;
use serde::Serialize;
use serde_json::{Value, json};
use wirebench_protocol::{SocketIoMode, Transport};

use super::error::RawError;
use super::server::RawServer;
use super::updates::{RawOptions, RawSource, RawUpdate, updates};
use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestHeaders, RequestKind};
use crate::socket_io::{
    Assembled, Assembler, Connector, Frame, Malformed, Packet, PacketType, ROOT, SessionEvent,
    SocketIoSession, connect_error,
};

/// What to ask a Socket.IO server for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketIoInterest {
    /// The namespace, such as `/chat`.
    pub namespace: String,
    /// The only event that is wanted. `None` wants every event.
    pub event: Option<String>,
    /// What carries the session.
    pub mode: SocketIoMode,
}

impl Default for SocketIoInterest {
    /// Returns every event of the namespace `/`, over a session that upgrades.
    fn default() -> Self {
        Self { namespace: ROOT.to_owned(), event: None, mode: SocketIoMode::default() }
    }
}

/// An event as it was emitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RawSocketIoEvent {
    /// The name.
    pub event: String,
    /// The other arguments. An attachment stands in its place as `{"binary":"<Base64>"}`.
    pub data: Vec<Value>,
    /// The id of the acknowledgement that the server asks for. It is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<u64>,
}

/// Follows the events of the server at `url` (`http://`, `https://`, `ws://` or `wss://`). Without
/// a path, it is asked at `/socket.io/`.
///
/// When the session ends, another is opened 3 s later. A handshake or a namespace that is refused
/// fails for good.
///
/// With `once` there is one session: the stream ends when the server ends it, and with an error
/// after anything else.
pub fn socket_io_events(
    url: &str,
    interest: &SocketIoInterest,
    options: &RawOptions,
) -> BoxStream<'static, Result<RawUpdate<RawSocketIoEvent>, RawError>> {
    let (interest, options) = (interest.clone(), options.clone());
    let once = options.once;
    updates(SocketIoSource { url: url.to_owned(), interest, options }, once)
}

struct SocketIoSource {
    url: String,
    interest: SocketIoInterest,
    options: RawOptions,
}

struct OpenSession {
    session: SocketIoSession<'static, RawConnector>,
    assembler: Assembler,
}

/// Opens the connections of one session.
#[derive(Clone)]
struct RawConnector(Arc<RawServer>);

impl Connector for RawConnector {
    async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        self.0.connect().await
    }

    /// Returns the headers of a browser, without the compression that this client cannot undo.
    fn headers(&self, kind: RequestKind) -> RequestHeaders {
        self.0.headers(kind).without(&header::ACCEPT_ENCODING)
    }
}

impl RawSource for SocketIoSource {
    type Connection = OpenSession;
    type Item = RawSocketIoEvent;

    async fn connect(&mut self) -> Result<OpenSession, RawError> {
        connect(&self.url, &self.interest, &self.options).await
    }

    async fn next(
        &mut self,
        session: &mut OpenSession,
    ) -> Result<Option<RawSocketIoEvent>, RawError> {
        Ok(session.next(&self.interest).await?)
    }

    fn is_final(&self, error: &RawError) -> bool {
        match error {
            RawError::Subscription(error) => is_final_refusal(error),
            RawError::Target(_)
            | RawError::Url { .. }
            | RawError::NotAStream { .. }
            | RawError::Redirected { .. }
            | RawError::TooLarge { .. } => true,
        }
    }
}

async fn connect(
    url: &str,
    interest: &SocketIoInterest,
    options: &RawOptions,
) -> Result<OpenSession, RawError> {
    let server = Arc::new(RawServer::of(url, &options.trusted, options.headers.clone()).await?);
    let path = server.path.split('?').next().unwrap_or_default();
    let default_path = Transport::SocketIo.path("");
    let path = if path == "/" { &default_path } else { path };
    let connector = RawConnector(Arc::clone(&server));
    let mut session = SocketIoSession::open(connector, path, interest.mode).await?;
    session.send([Frame::message(Packet::connect(&interest.namespace, ""))]);
    let mut open = OpenSession { session, assembler: Assembler::default() };
    while let Some(step) = open.step(interest).await? {
        if let SessionStep::Joined = step {
            return Ok(open);
        }
    }
    let (asked, reason) = (url.to_owned(), "before it had joined the namespace".to_owned());
    Err(SubscribeError::SessionEnded { asked, reason }.into())
}

/// What a session of interest brings.
enum SessionStep {
    /// The server has accepted this client in the namespace.
    Joined,
    Event(RawSocketIoEvent),
}

impl OpenSession {
    /// Returns the next event of interest, and `None` when the server has ended the session or has
    /// taken this client out of the namespace.
    async fn next(
        &mut self,
        interest: &SocketIoInterest,
    ) -> Result<Option<RawSocketIoEvent>, SubscribeError> {
        while let Some(step) = self.step(interest).await? {
            if let SessionStep::Event(event) = step
                && interest.event.as_ref().is_none_or(|name| *name == event.event)
            {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    async fn step(
        &mut self,
        interest: &SocketIoInterest,
    ) -> Result<Option<SessionStep>, SubscribeError> {
        while let Some(event) = self.session.next().await? {
            let frame = match event {
                SessionEvent::Message { frame, .. } => frame,
                SessionEvent::Request { .. }
                | SessionEvent::Sending { .. }
                | SessionEvent::Sent { .. }
                | SessionEvent::Empty { .. } => continue,
            };
            let assembled = self.assembler.take(frame);
            let assembled = assembled.map_err(|error| self.session.malformed("a packet", error))?;
            let Some(assembled) = assembled else { continue };
            let malformed = |error| self.session.malformed(assembled.text(), error);
            let packet = assembled.packet().map_err(malformed)?;
            if packet.namespace != interest.namespace {
                continue;
            }
            match packet.kind {
                PacketType::Connect => {
                    self.session.established();
                    return Ok(Some(SessionStep::Joined));
                }
                PacketType::Disconnect => return Ok(None),
                PacketType::ConnectError => return Err(connect_error(&packet)),
                PacketType::Ack | PacketType::BinaryAck => {}
                PacketType::Event | PacketType::BinaryEvent => {
                    let event = raw_event(&packet, &assembled).map_err(malformed)?;
                    return Ok(Some(SessionStep::Event(event)));
                }
            }
        }
        Ok(None)
    }
}

fn raw_event(packet: &Packet<'_>, assembled: &Assembled) -> Result<RawSocketIoEvent, Malformed> {
    let expected = Malformed("an event: `[\"name\",…]`");
    let mut data: Vec<Value> = serde_json::from_str(packet.data).map_err(|_| expected)?;
    if data.is_empty() {
        return Err(expected);
    }
    let event = data.remove(0).as_str().ok_or(expected)?.to_owned();
    for argument in &mut data {
        fill_placeholders(argument, &assembled.attachments)?;
    }
    Ok(RawSocketIoEvent { event, data, ack: packet.id })
}

/// Replaces each placeholder in `value` by its attachment.
fn fill_placeholders(value: &mut Value, attachments: &[Bytes]) -> Result<(), Malformed> {
    match value {
        Value::Object(object) if object.get("_placeholder") == Some(&Value::Bool(true)) => {
            let number = object.get("num").and_then(Value::as_u64);
            let attachment =
                number.and_then(|number| attachments.get(usize::try_from(number).ok()?));
            let bytes = attachment.ok_or(Malformed("a placeholder of an attachment"))?;
            *value = json!({ "binary": STANDARD.encode(bytes) });
            Ok(())
        }
        Value::Object(object) => {
            object.values_mut().try_for_each(|value| fill_placeholders(value, attachments))
        }
        Value::Array(array) => {
            array.iter_mut().try_for_each(|value| fill_placeholders(value, attachments))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Returns true if connecting again cannot help.
fn is_final_refusal(error: &SubscribeError) -> bool {
    matches!(
        error,
        SubscribeError::Refused { .. }
            | SubscribeError::Protocol { .. }
            | SubscribeError::NamespaceRefused { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attachments_take_the_places_of_their_placeholders() {
        let placeholder = |num: u64| json!({ "_placeholder": true, "num": num });
        let mut value = json!([placeholder(1), { "a": [placeholder(0)] }]);
        let attachments = [Bytes::from_static(&[1, 2]), Bytes::from_static(&[3])];
        fill_placeholders(&mut value, &attachments).unwrap();
        assert_eq!(value, json!([{ "binary": "Aw==" }, { "a": [{ "binary": "AQI=" }] }]));
        let mut value = json!({ "_placeholder": true, "num": 2 });
        assert!(fill_placeholders(&mut value, &attachments).is_err());
    }
}
