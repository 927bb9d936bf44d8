//! What the values of a target are checked for beyond their types: placeholders, URLs, JSON
//! pointers, and keys that need each other.

use super::choices::{PollCursor, PublishedBy, Split};
use super::draft::TargetDraft;
use super::lists::{TemplateList, TemplateTable, TextTable};
use super::process::ProcessTable;
use super::publish::{PublishTable, WATCH};
use super::steps::{Expectation, Pattern, Step, Steps};
use super::template::{Template, placeholder};
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
const OF_PUBLISH: &[&str] =
    &["port", "payload", "payload_string", "payload_form", "payload_bytes", "seq", "run"];
/// What the opening of a socket that publishes may name.
const OF_PUBLISH_SOCKET: &[&str] = &["port", "run"];
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
        let is_socket = publish.url.as_ref().and_then(|url| is_socket(&url.value));
        let per_message = if is_socket == Some(true) { OF_PUBLISH_SOCKET } else { OF_PUBLISH };
        self.url(&PublishTable::URL, publish.url.as_ref(), per_message);
        self.table(&PublishTable::HEADERS, publish.headers.as_ref(), per_message);
        let handshake = publish.handshake.as_ref();
        let kept = handshake.into_iter().flat_map(|steps| steps.value.captured());
        let of_body: Vec<_> =
            kept.map(|(_, name)| name).chain(OF_PUBLISH.iter().copied()).collect();
        self.template(&PublishTable::BODY, publish.body.as_ref(), &of_body);
        self.steps(&PublishTable::HANDSHAKE, handshake, OF_PUBLISH_SOCKET, OF_PUBLISH);
        self.heartbeat(
            (&PublishTable::PING, publish.ping.as_ref()),
            (&PublishTable::PONG, publish.pong.as_ref()),
            OF_PUBLISH_SOCKET,
        );
        self.list(&PublishTable::COMMAND, publish.command.as_ref(), OF_PUBLISH_COMMAND);
        self.answers(draft, is_socket);
        self.of_the_scheme(draft, is_socket);
        self.one_way(draft);
    }

    /// Checks what accepts and refuses a message.
    fn answers(&mut self, draft: &TargetDraft, is_socket: Option<bool>) {
        let publish = &draft.publish;
        self.keeps_nothing(&PublishTable::ACCEPTED, publish.accepted.as_ref());
        self.keeps_nothing(&PublishTable::REFUSED, publish.refused.as_ref());
        let accepts = publish.accepted.as_ref().is_none_or(|accepted| !accepted.value.is_empty());
        if let Some(place) = place_if(publish.refused.as_ref(), |refused| !refused.is_empty())
            && !accepts
            && is_socket == Some(true)
        {
            let [accepted, refused] =
                [&PublishTable::ACCEPTED, &PublishTable::REFUSED].map(|key| key.path);
            let message = format!("`{refused}` needs `{accepted}`");
            let hint = "without it, a message is accepted once it is written, and nothing waits \
                        for an answer";
            self.note(place, message, Some(hint.to_owned()));
        }
    }

    /// Checks that no key is set that the scheme of the URL has no use for. `None`: the URL is not
    /// known before the run.
    fn of_the_scheme(&mut self, draft: &TargetDraft, is_socket: Option<bool>) {
        let publish = &draft.publish;
        let of_requests = [
            (&PublishTable::METHOD, place_if(publish.method.as_ref(), |it| it != "POST")),
            (&PublishTable::OK, place_if(publish.ok.as_ref(), |it| !it.0.is_empty())),
        ];
        let of_sockets = [
            (
                &PublishTable::SUBPROTOCOL,
                place_if(publish.subprotocol.as_ref(), |it| !it.is_empty()),
            ),
            (&PublishTable::HANDSHAKE, place_if(publish.handshake.as_ref(), |it| !it.0.is_empty())),
            (&PublishTable::PING, place_if(publish.ping.as_ref(), |it| !it.is_empty())),
            (&PublishTable::SPLIT, place_if(publish.split.as_ref(), |it| *it != Split::One)),
        ];
        let (keys, needs) = match is_socket {
            Some(true) => (&of_requests[..], "http:"),
            Some(false) => (&of_sockets[..], "ws:"),
            None => return,
        };
        for (key, place) in keys {
            if let Some(place) = place {
                let url = PublishTable::URL.path;
                let message = format!("`{}` is for a `{url}` that begins with `{needs}`", key.path);
                self.note(place.clone(), message, None);
            }
        }
    }

    /// Checks that there is one way to publish.
    fn one_way(&mut self, draft: &TargetDraft) {
        let publish = &draft.publish;
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
        self.table(&TargetWebSocket::HEADERS, ws.headers.as_ref(), OF_SUBSCRIPTION);
        self.heartbeat(
            (&TargetWebSocket::PING, ws.ping.as_ref()),
            (&TargetWebSocket::PONG, ws.pong.as_ref()),
            OF_SUBSCRIPTION,
        );
        self.keeps_nothing(&TargetWebSocket::MATCHING, ws.matching.as_ref());
        self.pointer(&TargetWebSocket::MESSAGE, ws.message.as_ref());
        self.select(&TargetWebSocket::SELECT, ws.select.as_ref());
        self.keep(ws.keep.as_ref());
        let mut known = OF_SUBSCRIPTION.to_vec();
        let keep = ws.keep.iter().flat_map(|keep| &keep.value.0);
        known.extend(keep.map(|(name, _)| name.as_str()));
        self.steps(&TargetWebSocket::HANDSHAKE, ws.handshake.as_ref(), &known, OF_SUBSCRIPTION);
        let captured = ws.handshake.iter().flat_map(|steps| steps.value.captured());
        known.extend(captured.map(|(_, name)| name));
        self.url(&TargetWebSocket::RESUME_URL, ws.resume_url.as_ref(), &known);
        let again = ws.resume_handshake.as_ref();
        self.steps(&TargetWebSocket::RESUME_HANDSHAKE, again, &known, OF_SUBSCRIPTION);
        self.resumes_from_something(draft, &known[OF_SUBSCRIPTION.len()..]);
    }

    /// Checks that a connection that resumes says from where. `kept` is what it may say.
    fn resumes_from_something(&mut self, draft: &TargetDraft, kept: &[&str]) {
        let ws = &draft.websocket;
        let (url, steps) = (ws.resume_url.as_ref(), ws.resume_handshake.as_ref());
        let in_url = url.into_iter().flat_map(|url| url.value.names());
        let in_steps = steps.into_iter().flat_map(|steps| steps.value.needed());
        let place = place_if(url, |url| !url.is_empty())
            .or_else(|| place_if(steps, |steps| !steps.0.is_empty()));
        if let Some(place) = place
            && !in_url.chain(in_steps).any(|name| kept.contains(&name))
        {
            let [url, steps, keep] = [
                TargetWebSocket::RESUME_URL,
                TargetWebSocket::RESUME_HANDSHAKE,
                TargetWebSocket::KEEP,
            ]
            .map(|key| key.path);
            let message = format!("`{url}` and `{steps}` name nothing that `{keep}` keeps");
            let hint = "a connection that resumes has to say from where".to_owned();
            self.note(place, message, Some(hint));
        }
    }

    /// Checks that a heartbeat and its answer come together.
    fn heartbeat(
        &mut self,
        (ping_key, ping): (&Key, Read<'_, Pattern>),
        (answer_key, answer): (&Key, Read<'_, Template>),
        known: &[&str],
    ) {
        self.keeps_nothing(ping_key, ping);
        self.template(answer_key, answer, known);
        let heartbeat = place_if(ping, |ping| !ping.is_empty());
        let answer = place_if(answer, |answer| !answer.is_empty());
        if let (Some(place), None) | (None, Some(place)) = (answer, heartbeat) {
            let keys = [ping_key, answer_key].map(|key| format!("`{}`", key.path));
            let message = format!("{} mean nothing without each other", joined(keys, "and"));
            self.note(place, message, None);
        }
    }

    /// Checks that each step names only what is known by then. `known` is known before the first,
    /// and `taken` are the names that no step may keep.
    fn steps(&mut self, key: &Key, steps: Read<'_, Steps>, known: &[&str], taken: &[&str]) {
        let Some(Placed { value: Steps(steps), place: Some(place) }) = steps else { return };
        let mut known = known.to_vec();
        for step in steps {
            match step {
                Step::Send(text) => self.names(key, text, Some(place), &known),
                Step::Expect(expected) => {
                    self.expectation(key, expected, place, taken);
                    known.extend(expected.names());
                }
            }
        }
    }

    fn expectation(&mut self, key: &Key, expected: &Expectation, place: &Place, taken: &[&str]) {
        let Expectation { capture, otherwise, messages, message, keep, .. } = expected;
        let names = expected.names().chain(keep.iter().map(|(name, _)| name.as_str()));
        names.for_each(|name| self.is_free(key, name, place, taken));
        for (_, pointer) in capture.iter().chain(keep) {
            self.is_pointer(key, pointer, Some(place));
        }
        self.is_pointer(key, messages, Some(place));
        self.is_pointer(key, message, Some(place));
        let unknown = otherwise.iter().find(|(name, _)| !capture.iter().any(|(it, _)| it == name));
        if let Some((name, _)) = unknown {
            let message = format!("`otherwise` of `{}` names `{name}`", key.path);
            self.note(place.clone(), message, Some("`capture` does not".to_owned()));
        }
    }

    fn keep(&mut self, keep: Read<'_, TextTable>) {
        let Some(Placed { value: TextTable(entries), place: Some(place) }) = keep else { return };
        for (name, pointer) in entries {
            self.is_free(&TargetWebSocket::KEEP, name, place, OF_SUBSCRIPTION);
            self.is_pointer(&TargetWebSocket::KEEP, pointer, Some(place));
        }
    }

    /// Checks that a value can be named in braces, and that its name is not taken.
    fn is_free(&mut self, key: &Key, name: &str, place: &Place, taken: &[&str]) {
        let braced = format!("{{{name}}}");
        if placeholder(&braced) != Some(name) || name.contains(':') {
            let message = format!("`{}` keeps `{name}`", key.path);
            let hint = "a name has lower-case letters and `_`".to_owned();
            self.note(place.clone(), message, Some(hint));
        } else if taken.contains(&name) {
            let message = format!("`{}` keeps `{name}`, which `{braced}` is already", key.path);
            self.note(place.clone(), message, Some("choose another name".to_owned()));
        }
    }

    /// Checks that a pattern outside of a handshake has no names.
    fn keeps_nothing(&mut self, key: &Key, pattern: Read<'_, Pattern>) {
        let Some(Placed { value, place: Some(place) }) = pattern else { return };
        if let Some(name) = value.names().next() {
            let message = format!("`{}` keeps no `{{{name}}}`", key.path);
            self.note(place.clone(), message, Some("write `*` for any text".to_owned()));
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

/// Returns true for the URL of a WebSocket. `None` if that is not known before the run.
fn is_socket(url: &Template) -> Option<bool> {
    let url = url.to_string();
    let is_socket = url.starts_with("ws:") || url.starts_with("wss:");
    (is_socket || url.starts_with("http")).then_some(is_socket)
}

/// Returns the place of a value that a user wrote and for which `is` holds.
pub(super) fn place_if<T>(value: Read<'_, T>, is: impl Fn(&T) -> bool) -> Option<Place> {
    value.filter(|placed| is(&placed.value))?.place.clone()
}
