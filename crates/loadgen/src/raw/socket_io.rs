//! A Socket.IO client (Engine.IO 4, Socket.IO 5) for any server.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::header;
use serde::Serialize;
use serde_json::{Value, json};
use wirebench_protocol::{SocketIoMode, Transport};

use super::error::{RECONNECTION_TIME, RawError};
use super::server::RawServer;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestHeaders, RequestKind};
use crate::socket_io::{
    Assembled, Assembler, Connector, Frame, Malformed, Packet, PacketType, ROOT, SessionEvent,
    SocketIoSession, connect_error,
};
use crate::tls::TrustedCertificates;

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
    trusted: &TrustedCertificates,
    once: bool,
) -> BoxStream<'static, Result<RawSocketIoEvent, RawError>> {
    let source = SocketIoSource {
        url: url.to_owned(),
        interest: interest.clone(),
        trusted: trusted.clone(),
        once,
        open: None,
        connected_before: false,
    };
    stream::try_unfold(source, |mut source| async move {
        Ok(source.next().await?.map(|event| (event, source)))
    })
    .boxed()
}

struct SocketIoSource {
    url: String,
    interest: SocketIoInterest,
    trusted: TrustedCertificates,
    once: bool,
    /// The session that is open.
    open: Option<OpenSession>,
    /// There was a session before. Only the first one is opened without waiting.
    connected_before: bool,
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

impl SocketIoSource {
    /// Returns the next event. With `once`, returns `None` when the server has ended the session.
    async fn next(&mut self) -> Result<Option<RawSocketIoEvent>, RawError> {
        loop {
            let Some(open) = &mut self.open else {
                if std::mem::replace(&mut self.connected_before, true) {
                    tokio::time::sleep(RECONNECTION_TIME).await;
                }
                match connect(&self.url, &self.interest, &self.trusted).await {
                    Ok(open) => self.open = Some(open),
                    Err(error) if self.once || is_final(&error) => return Err(error),
                    Err(_) => {}
                }
                continue;
            };
            match open.next(&self.interest).await {
                Ok(Some(event)) => return Ok(Some(event)),
                Ok(None) if self.once => return Ok(None),
                Err(error) if self.once || is_final_refusal(&error) => return Err(error.into()),
                Ok(None) | Err(_) => self.open = None,
            }
        }
    }
}

async fn connect(
    url: &str,
    interest: &SocketIoInterest,
    trusted: &TrustedCertificates,
) -> Result<OpenSession, RawError> {
    let server = Arc::new(RawServer::of(url, trusted).await?);
    let path = server.path.split('?').next().unwrap_or_default();
    let default_path = Transport::SocketIo.path("");
    let path = if path == "/" { &default_path } else { path };
    let connector = RawConnector(Arc::clone(&server));
    let mut session = SocketIoSession::open(connector, path, interest.mode).await?;
    session.send([Frame::message(Packet::connect(&interest.namespace, ""))]);
    Ok(OpenSession { session, assembler: Assembler::default() })
}

impl OpenSession {
    /// Returns the next event of interest, and `None` when the server has ended the session or has
    /// taken this client out of the namespace.
    async fn next(
        &mut self,
        interest: &SocketIoInterest,
    ) -> Result<Option<RawSocketIoEvent>, SubscribeError> {
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
                PacketType::Connect => self.session.established(),
                PacketType::Disconnect => return Ok(None),
                PacketType::ConnectError => return Err(connect_error(&packet)),
                PacketType::Ack | PacketType::BinaryAck => {}
                PacketType::Event | PacketType::BinaryEvent => {
                    let event = raw_event(&packet, &assembled).map_err(malformed)?;
                    if interest.event.as_ref().is_none_or(|name| *name == event.event) {
                        return Ok(Some(event));
                    }
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
fn is_final(error: &RawError) -> bool {
    match error {
        RawError::Subscription(error) => is_final_refusal(error),
        RawError::Target(_)
        | RawError::Url { .. }
        | RawError::NotAStream { .. }
        | RawError::Network { .. }
        | RawError::TooLarge { .. } => true,
    }
}

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
