//! What the values of a target are checked for beyond their types: placeholders, URLs, JSON
//! pointers, and keys that need each other.

use super::choices::{PollCursor, PublishedBy};
use super::draft::TargetDraft;
use super::lists::{TemplateList, TemplateTable, TextTable};
use super::process::ProcessTable;
use super::publish::{PublishTable, WATCH};
use super::steps::{Step, Steps};
use super::template::Template;
use super::{TargetLongPolling, TargetShortPolling, TargetSocketIo, TargetSse, TargetWebSocket};
use crate::key::Key;
use crate::values::field::Placed;
use crate::words::{joined, nearest};
use crate::{Place, Problem};

/// What the command of a process may name.
const OF_COMMAND: &[&str] = &["port", "folder", "here"];
/// What a command that publishes may name.
const OF_PUBLISH_COMMAND: &[&str] = &["port", "here"];
/// What a request that publishes may name.
const OF_PUBLISH: &[&str] = &["port", "payload", "payload_string", "seq", "run"];
/// What a subscription may name.
const OF_SUBSCRIPTION: &[&str] = &["port", "subscriber", "run"];
/// What one that resumes may name as well.
const OF_RESUMED: &[&str] = &["port", "subscriber", "run", "cursor"];
const OF_FIRST_POLL: &[&str] = &["port", "subscriber", "run", "http_date"];
const OF_LONG_POLL: &[&str] = &["port", "subscriber", "run", "hold"];
const OF_NEXT_LONG_POLL: &[&str] = &["port", "subscriber", "run", "hold", "cursor"];

/// A value as it was read. `None` if it could not be.
type Read<'r, T> = Option<&'r Placed<T>>;

/// What is wrong with a target, as it is found.
struct Checks {
    problems: Vec<Problem>,
    /// The place of what is missing.
    top: Place,
    /// Wirebench chooses a port.
    has_port: bool,
}

/// Returns everything that is wrong with the draft beyond its single values. `top` is the place of
/// what is missing.
pub(super) fn check(draft: &TargetDraft, top: Place) -> Vec<Problem> {
    let command = draft.process.command.as_ref();
    // If the command could not be read, `{port}` is not wrong as well.
    let has_port = command.is_none_or(|command| !command.value.0.is_empty());
    let mut checks = Checks { problems: draft.about.check().into_iter().collect(), top, has_port };
    checks.process(draft);
    checks.publish(draft);
    checks.polling(draft);
    checks.pushed(draft);
    checks.websocket(draft);
    checks.something_to_measure(draft);
    checks.problems
}

impl Checks {
    fn process(&mut self, draft: &TargetDraft) {
        let process = &draft.process;
        self.list(&ProcessTable::COMMAND, process.command.as_ref(), OF_COMMAND);
        self.table(&ProcessTable::ENVIRONMENT, process.environment.as_ref(), OF_COMMAND);
        self.url(&ProcessTable::READY_URL, process.ready_url.as_ref(), OF_COMMAND);
        let given = [
            (&ProcessTable::COMMAND, place_if(process.command.as_ref(), |list| !list.0.is_empty())),
            (&ProcessTable::PID, place_if(process.pid.as_ref(), |pid| *pid != 0)),
            (&ProcessTable::NAME, place_if(process.process_name.as_ref(), |name| !name.is_empty())),
        ];
        let given: Vec<_> =
            given.into_iter().filter_map(|(key, place)| Some((key, place?))).collect();
        if let [(first, _), (second, place), ..] = given.as_slice() {
            let message = format!("`{}` and `{}` name two processes", first.path, second.path);
            self.note(place.clone(), message, Some("keep one of them".to_owned()));
        }
    }

    fn publish(&mut self, draft: &TargetDraft) {
        let publish = &draft.publish;
        self.url(&PublishTable::URL, publish.url.as_ref(), OF_PUBLISH);
        self.template(&PublishTable::BODY, publish.body.as_ref(), OF_PUBLISH);
        self.table(&PublishTable::HEADERS, publish.headers.as_ref(), OF_PUBLISH);
        self.list(&PublishTable::COMMAND, publish.command.as_ref(), OF_PUBLISH_COMMAND);
        let url = place_if(publish.url.as_ref(), |url| !url.is_empty());
        let command = place_if(publish.command.as_ref(), |list| !list.0.is_empty());
        let by_us = publish.by.as_ref().is_some_and(|by| by.value == PublishedBy::Wirebench);
        let read = publish.url.is_some() && publish.command.is_some();
        match (url, command) {
            (Some(_), Some(place)) => {
                let (url, command) = (PublishTable::URL.path, PublishTable::COMMAND.path);
                let message = format!("`{url}` and `{command}` publish in two ways");
                self.note(place, message, Some("keep one of them".to_owned()));
            }
            (None, None) if read && by_us => {
                let (url, command) = (PublishTable::URL.path, PublishTable::COMMAND.path);
                let message = format!("nobody publishes: `{url}` and `{command}` are not set");
                let hint = format!("to watch a feed that somebody else fills: {WATCH}");
                self.note(self.top.clone(), message, Some(hint));
            }
            _ => {}
        }
    }

    fn polling(&mut self, draft: &TargetDraft) {
        let polls = &draft.short_polling;
        self.url(&TargetShortPolling::URL, polls.url.as_ref(), OF_SUBSCRIPTION);
        self.url(&TargetShortPolling::NEXT_URL, polls.next_url.as_ref(), OF_RESUMED);
        self.table(&TargetShortPolling::HEADERS, polls.headers.as_ref(), OF_SUBSCRIPTION);
        self.table(&TargetShortPolling::FIRST_HEADERS, polls.first_headers.as_ref(), OF_FIRST_POLL);
        self.pointer(&TargetShortPolling::MESSAGES, polls.messages.as_ref());
        self.pointer(&TargetShortPolling::MESSAGE, polls.message.as_ref());
        self.select(&TargetShortPolling::SELECT, polls.select.as_ref());
        self.cursor(&TargetShortPolling::NEXT_URL, polls.next_url.as_ref(), polls.cursor.as_ref());
        let polls = &draft.long_polling;
        self.url(&TargetLongPolling::URL, polls.url.as_ref(), OF_LONG_POLL);
        self.url(&TargetLongPolling::NEXT_URL, polls.next_url.as_ref(), OF_NEXT_LONG_POLL);
        self.table(&TargetLongPolling::HEADERS, polls.headers.as_ref(), OF_SUBSCRIPTION);
        self.table(&TargetLongPolling::FIRST_HEADERS, polls.first_headers.as_ref(), OF_FIRST_POLL);
        self.pointer(&TargetLongPolling::MESSAGES, polls.messages.as_ref());
        self.pointer(&TargetLongPolling::MESSAGE, polls.message.as_ref());
        self.select(&TargetLongPolling::SELECT, polls.select.as_ref());
        self.cursor(&TargetLongPolling::NEXT_URL, polls.next_url.as_ref(), polls.cursor.as_ref());
    }

    fn pushed(&mut self, draft: &TargetDraft) {
        let sse = &draft.sse;
        self.url(&TargetSse::URL, sse.url.as_ref(), OF_SUBSCRIPTION);
        self.url(&TargetSse::RESUME_URL, sse.resume_url.as_ref(), OF_RESUMED);
        self.table(&TargetSse::HEADERS, sse.headers.as_ref(), OF_SUBSCRIPTION);
        self.pointer(&TargetSse::MESSAGE, sse.message.as_ref());
        self.select(&TargetSse::SELECT, sse.select.as_ref());
        let io = &draft.socket_io;
        self.url(&TargetSocketIo::URL, io.url.as_ref(), OF_SUBSCRIPTION);
        self.table(&TargetSocketIo::HEADERS, io.headers.as_ref(), OF_SUBSCRIPTION);
        self.template(&TargetSocketIo::AUTH, io.auth.as_ref(), OF_SUBSCRIPTION);
        self.pointer(&TargetSocketIo::MESSAGE, io.message.as_ref());
        self.select(&TargetSocketIo::SELECT, io.select.as_ref());
    }

    fn websocket(&mut self, draft: &TargetDraft) {
        let ws = &draft.websocket;
        self.url(&TargetWebSocket::URL, ws.url.as_ref(), OF_SUBSCRIPTION);
        self.url(&TargetWebSocket::RESUME_URL, ws.resume_url.as_ref(), OF_RESUMED);
        self.table(&TargetWebSocket::HEADERS, ws.headers.as_ref(), OF_SUBSCRIPTION);
        self.template(&TargetWebSocket::PONG, ws.pong.as_ref(), OF_RESUMED);
        self.pointer(&TargetWebSocket::MESSAGE, ws.message.as_ref());
        self.pointer(&TargetWebSocket::CURSOR, ws.cursor.as_ref());
        self.select(&TargetWebSocket::SELECT, ws.select.as_ref());
        self.steps(ws.handshake.as_ref());
        let answer = place_if(ws.pong.as_ref(), |pong| !pong.is_empty());
        let heartbeat = place_if(ws.ping.as_ref(), |ping| !ping.is_empty());
        if let (Some(place), None) | (None, Some(place)) = (answer, heartbeat) {
            let keys = [&TargetWebSocket::PING, &TargetWebSocket::PONG];
            let [heartbeat, answer] = keys.map(|key| key.path);
            let message = format!("`{heartbeat}` and `{answer}` mean nothing without each other");
            self.note(place, message, None);
        }
    }

    /// Checks that each step names only what is known by then.
    fn steps(&mut self, steps: Read<'_, Steps>) {
        let key = &TargetWebSocket::HANDSHAKE;
        let Some(Placed { value: Steps(steps), place: Some(place) }) = steps else { return };
        let mut known = OF_RESUMED.to_vec();
        for step in steps {
            match step {
                Step::Send(text) => self.names(key, text, Some(place), &known),
                Step::Expect { capture, .. } => {
                    for (name, pointer) in capture {
                        self.is_pointer(key, pointer, Some(place));
                        known.push(name);
                    }
                }
            }
        }
    }

    /// Checks that there is a transport.
    fn something_to_measure(&mut self, draft: &TargetDraft) {
        let urls = [
            (&TargetShortPolling::URL, draft.short_polling.url.as_ref()),
            (&TargetLongPolling::URL, draft.long_polling.url.as_ref()),
            (&TargetSse::URL, draft.sse.url.as_ref()),
            (&TargetWebSocket::URL, draft.websocket.url.as_ref()),
            (&TargetSocketIo::URL, draft.socket_io.url.as_ref()),
        ];
        let is_empty = |url: Read<'_, Template>| url.is_some_and(|url| url.value.is_empty());
        if urls.iter().all(|(_, url)| is_empty(*url)) {
            let keys = joined(urls.map(|(key, _)| format!("`{}`", key.path)), "or");
            self.note(
                self.top.clone(),
                "the target has no transport".to_owned(),
                Some(format!("set {keys}")),
            );
        }
    }

    /// Checks that polls with a cursor have one.
    fn cursor(&mut self, key: &Key, next_url: Read<'_, Template>, cursor: Read<'_, PollCursor>) {
        let Some(cursor) = cursor else { return };
        let names = |url: &Template| url.names().any(|name| name == "cursor");
        if let Some(place) = place_if(next_url, names)
            && cursor.value == PollCursor::None
        {
            let message = format!("`{}` needs a cursor", key.path);
            let hint = format!("say with `{}.cursor` where an answer has it", key.table);
            self.note(place, message, Some(hint));
        }
    }

    /// Checks a URL: its scheme, its placeholders, and that its host is the same for everybody.
    fn url(&mut self, key: &Key, url: Read<'_, Template>, known: &[&str]) {
        let Some(Placed { value, place: Some(place) }) = url else { return };
        self.names(key, value, Some(place), known);
        let text = value.to_string();
        if text.starts_with("{env:") {
            // What is in the environment is checked when it is used.
            return;
        }
        let rest = ["http://", "https://", "ws://", "wss://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let Some(rest) = rest else {
            if !text.is_empty() {
                let message =
                    format!("`{}` must begin with `http://` or the like, found `{text}`", key.path);
                let hint = "the schemes are `http`, `https`, `ws` and `wss`".to_owned();
                self.note(place.clone(), message, Some(hint));
            }
            return;
        };
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let varies = |name: &str| name != "port" && known.contains(&name);
        if Template::new(host).names().any(varies) {
            let message = format!(
                "the host of `{}` must be the same for everybody, found `{host}`",
                key.path
            );
            self.note(place.clone(), message, None);
        }
    }

    fn template(&mut self, key: &Key, template: Read<'_, Template>, known: &[&str]) {
        if let Some(Placed { value, place }) = template {
            self.names(key, value, place.as_ref(), known);
        }
    }

    fn table(&mut self, key: &Key, table: Read<'_, TemplateTable>, known: &[&str]) {
        let Some(Placed { value: TemplateTable(entries), place }) = table else { return };
        for (_, value) in entries {
            self.names(key, value, place.as_ref(), known);
        }
    }

    fn list(&mut self, key: &Key, list: Read<'_, TemplateList>, known: &[&str]) {
        let Some(Placed { value: TemplateList(parts), place }) = list else { return };
        for part in parts {
            self.names(key, part, place.as_ref(), known);
        }
    }

    /// Checks that the placeholders of a template are known where it stands.
    fn names(&mut self, key: &Key, template: &Template, place: Option<&Place>, known: &[&str]) {
        let Some(place) = place else { return };
        if let Some(unknown) = template.unknown(known) {
            let message = format!("`{}` knows no `{{{unknown}}}`", key.path);
            let hint = if let Some(meant) = nearest(unknown, known.iter().copied()) {
                format!("did you mean `{{{meant}}}`?")
            } else {
                let known = known.iter().map(|name| format!("`{{{name}}}`"));
                let all = known.chain(["`{env:NAME}`".to_owned()]);
                format!("the placeholders here are {}", joined(all, "and"))
            };
            self.note(place.clone(), message, Some(hint));
        }
        if !self.has_port && template.names().any(|name| name == "port") {
            let message = format!("`{}` knows no `{{port}}`: no server is started", key.path);
            let hint =
                format!("write the port, or start a server with `{}`", ProcessTable::COMMAND.path);
            self.note(place.clone(), message, Some(hint));
        }
    }

    fn pointer(&mut self, key: &Key, pointer: Read<'_, String>) {
        if let Some(Placed { value, place }) = pointer {
            self.is_pointer(key, value, place.as_ref());
        }
    }

    fn select(&mut self, key: &Key, select: Read<'_, TextTable>) {
        let Some(Placed { value: TextTable(entries), place }) = select else { return };
        for (pointer, _) in entries {
            self.is_pointer(key, pointer, place.as_ref());
        }
    }

    /// Checks the form of a JSON pointer (RFC 6901, section 3).
    fn is_pointer(&mut self, key: &Key, pointer: &str, place: Option<&Place>) {
        if let Some(place) = place
            && !pointer.is_empty()
            && !pointer.starts_with('/')
        {
            let message = format!("`{}` must be a JSON pointer, found `{pointer}`", key.path);
            self.note(place.clone(), message, Some(format!("did you mean `/{pointer}`?")));
        }
    }

    fn note(&mut self, place: Place, message: String, hint: Option<String>) {
        self.problems.push(Problem { place, message, hint });
    }
}

/// Returns the place of a value that a user wrote and for which `is` holds.
pub(super) fn place_if<T>(value: Read<'_, T>, is: impl Fn(&T) -> bool) -> Option<Place> {
    value.filter(|placed| is(&placed.value))?.place.clone()
}
