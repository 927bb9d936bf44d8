//! Socket.IO of a target server: events in a namespace, over whatever carries the session.

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use wirebench_measure::Event;
use wirebench_protocol::{Cursor, Gap, Timestamp};
use wirebench_scenario::target::TargetSocketIo;

use super::message_format::MessageFormat;
use super::opening::ForeignOpening;
use super::watch_format::Beside;
use crate::error::SubscribeError;
use crate::http::quote;
use crate::socket_io::{
    Assembled, Assembler, Frame, Malformed, Packet, PacketType, SessionEvent, SocketIoSession,
    connect_error,
};
use crate::texts::{Misfit, content, unexpected};
use crate::transport::client::Client;

/// Reads event by event. The subscriber is subscribed when the server has connected it to the
/// namespace.
///
/// With `recover`, it does what the official client does for `connectionStateRecovery`: it says with
/// which `pid` it was connected before, and which offset the last event had.
pub(super) struct ForeignSocketIo<'a> {
    opening: ForeignOpening<'a>,
    format: MessageFormat<'a>,
    session: SocketIoSession<'a, ForeignOpening<'a>>,
    /// The path, for errors.
    path: String,
    assembler: Assembler,
    /// When dialling began. `None` once the subscriber is subscribed.
    dialled: Option<Timestamp>,
    /// Messages that came before the server has said that the subscriber is connected: of a session
    /// that it recovers, it sends what was missed first.
    early: Vec<Event>,
    /// The last message seen.
    last: Cursor,
    /// The server has said that it cannot resume. What is missing before the next message is lost.
    lost: bool,
    /// The events that have not been returned yet.
    events: VecDeque<Event>,
    /// The server has ended the subscription.
    over: bool,
}

/// What the server says when it connects a client to a namespace.
#[derive(Deserialize)]
struct Connected {
    /// The private id with which the session can be resumed, if it can.
    pid: Option<String>,
}

impl<'a> Client<'a, ForeignOpening<'a>> for ForeignSocketIo<'a> {
    async fn open(opening: ForeignOpening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let path = opening.path(None);
        let mode = opening.settings().socket_io_mode;
        let mut session = SocketIoSession::open(opening.clone(), &path, mode).await?;
        let file = &opening.foreign.file().socket_io;
        session.send([Frame::message(Packet::connect(&file.namespace, &auth(&opening)))]);
        Ok(Self {
            format: MessageFormat::of(opening.foreign),
            session,
            path,
            assembler: Assembler::default(),
            dialled: Some(dialled),
            early: Vec::new(),
            last: opening.start(),
            lost: false,
            events: VecDeque::new(),
            over: false,
            opening,
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.over {
                return Ok(None);
            }
            match self.session.next().await? {
                Some(event) => self.accept(event)?,
                None => return Ok(None),
            }
        }
    }
}

impl<'a> ForeignSocketIo<'a> {
    fn file(&self) -> &'a TargetSocketIo {
        &self.opening.foreign.file().socket_io
    }

    /// Takes an event of the session.
    fn accept(&mut self, event: SessionEvent) -> Result<(), SubscribeError> {
        match event {
            // What is sent is one packet, which connects to the namespace.
            SessionEvent::Request { at } | SessionEvent::Sending { at, request: true } => {
                self.events.push_back(Event::Request { at });
            }
            SessionEvent::Sending { request: false, .. } | SessionEvent::Sent { .. } => {}
            SessionEvent::Empty { at } => {
                self.events.push_back(Event::Empty { at, cursor: self.last });
            }
            SessionEvent::Message { frame, at, .. } => {
                let malformed = |error| self.session.malformed("a packet", error);
                if let Some(assembled) = self.assembler.take(frame).map_err(malformed)? {
                    self.take(&assembled, at)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a packet with its attachments.
    fn take(&mut self, assembled: &Assembled, at: Timestamp) -> Result<(), SubscribeError> {
        let malformed = |error| self.session.malformed(assembled.text(), error);
        let packet = assembled.packet().map_err(malformed)?;
        if packet.namespace != self.file().namespace {
            return Ok(());
        }
        match packet.kind {
            PacketType::Event | PacketType::BinaryEvent => {
                let arguments: Vec<&RawValue> = serde_json::from_str(packet.data)
                    .map_err(|_| malformed(Malformed("an event: `[\"message\",…]`")))?;
                self.observe(&arguments, at).map_err(|misfit| self.unexpected(misfit))
            }
            PacketType::Connect => {
                self.connected(packet.data, at).map_err(|misfit| self.unexpected(misfit))
            }
            PacketType::Disconnect => {
                self.over = true;
                Ok(())
            }
            PacketType::ConnectError => Err(connect_error(&packet)),
            // Nothing was sent that asks for one.
            PacketType::Ack | PacketType::BinaryAck => Ok(()),
        }
    }

    /// The server has connected the subscriber to the namespace.
    fn connected(&mut self, data: &str, at: Timestamp) -> Result<(), Misfit> {
        let Some(dialled) = self.dialled.take() else { return Ok(()) };
        self.session.established();
        let (took, cursor) = (at.saturating_since(dialled), self.opening.start());
        self.events.push_back(Event::Connected { took, cursor });
        self.events.extend(self.early.drain(..));
        if !self.file().recover {
            return Ok(());
        }
        let connected = serde_json::from_str(data).unwrap_or(Connected { pid: None });
        let pid = connected.pid.ok_or_else(|| Misfit {
            found: format!("`{}`", quote(data)),
            expected: "a `pid` (`recover`): the server needs `connectionStateRecovery`".to_owned(),
        })?;
        let resume = &self.opening.resume;
        self.lost = resume.session().is_some_and(|before| before != pid);
        resume.set_session(&pid);
        Ok(())
    }

    /// Takes an event of the server. The first argument is its name.
    fn observe(&mut self, arguments: &[&RawValue], at: Timestamp) -> Result<(), Misfit> {
        let file = self.file();
        let Some((name, arguments)) = arguments.split_first() else { return Ok(()) };
        if file.recover
            && let Some(last) = arguments.last()
            && last.get().starts_with('"')
        {
            self.opening.resume.set_cursor(&content(last.get()));
        }
        if content(name.get()) != file.event {
            self.opening.foreign.note_left_out(|| {
                let (found, wanted) = (quote(&content(name.get())), &file.event);
                format!("an event `{found}`: expected `{wanted}` (`event` of `[socket-io]`)")
            });
            return Ok(());
        }
        let argument = arguments.first().ok_or_else(|| Misfit {
            found: format!("an event `{}` without an argument", file.event),
            expected: "a message as its first argument".to_owned(),
        })?;
        let settings = self.opening.settings();
        let read = self.format.read(argument.get(), Beside::default(), at, settings)?;
        let Some((cursor, event)) = read else { return Ok(()) };
        if let Some(cursor) = cursor {
            let missed = cursor.seq.saturating_sub(self.last.seq).saturating_sub(1);
            if std::mem::take(&mut self.lost) && missed > 0 {
                let cursor = cursor.at(cursor.seq - 1);
                self.events.push_back(Event::Gap { gap: Gap::Missed(missed), cursor });
            }
            self.last = self.last.at(self.last.seq.max(cursor.seq));
        }
        if self.dialled.is_some() {
            self.early.push(event);
        } else {
            self.events.push_back(event);
        }
        Ok(())
    }

    fn unexpected(&self, misfit: Misfit) -> SubscribeError {
        let (path, namespace) = (&self.path, &self.file().namespace);
        unexpected(format!("`GET {path}`, namespace `{namespace}`,"), misfit)
    }
}

/// Returns what the subscriber says about itself when it connects, in JSON. Empty: nothing.
fn auth(opening: &ForeignOpening<'_>) -> String {
    let file = &opening.foreign.file().socket_io;
    let filled = opening.foreign.fill(&file.auth, opening.settings().number, &[]);
    let own = filled.expect("the same template was filled when the target was made");
    let (true, Some(pid)) = (file.recover, opening.resume.session()) else { return own };
    let mut auth = Map::from_iter([("pid".to_owned(), Value::String(pid))]);
    auth.extend(opening.resume.cursor().map(|offset| ("offset".to_owned(), Value::String(offset))));
    // As in the official client, a key of the application's own wins.
    let own: Map<String, Value> = serde_json::from_str(&own).unwrap_or_default();
    auth.extend(own);
    Value::Object(auth).to_string()
}
