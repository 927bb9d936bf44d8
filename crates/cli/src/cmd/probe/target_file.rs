//! A target file to start from, with what was found.

use std::fmt::Write as _;

use http::StatusCode;

use super::address::ProbedUrl;
use super::findings::Findings;
use super::http::HttpFindings;
use super::poll::{CursorPlace, PollAnswer, PollFindings};
use super::stream::StreamFindings;
use super::websocket::WebSocketFindings;
use super::words::{quoted, where_a_message_is};

/// Returns the text of a target file. It lacks what no probe can find out: how to publish.
pub(super) fn text(url: &ProbedUrl, findings: &Findings) -> String {
    let mut text = format!(
        "# A target for `wirebench run --target`, made by `wirebench probe {}`.\n\
         # `wirebench init --target` explains every key.\n\
         about = {}\n\n\
         # How messages are published is for you to say. `{{payload}}` has to reach the subscribers as\n\
         # it is, or inside of something: then `message` says where.\n\
         [publish]\n\
         url = \"{{env:WIREBENCH_PUBLISH_URL}}\"\n\
         # headers = {{ Authorization = \"Bearer {{env:TOKEN}}\" }}\n\
         # body = '{{\"data\":{{payload}}}}'\n\n\
         # To measure the cost of the server, if it runs on this machine:\n\
         # [process]\n\
         # name = \"my-server\"        # as `ps -o comm` shows it\n",
        url.http(),
        quoted(&format!("The server at {}", url.authority()))
    );
    if url.is_encrypted() {
        text.push_str(
            "\n# The scenario has to say `http.tls = true`. Runs trust the root certificates of the\n\
             # system, or those in the file that the variable SSL_CERT_FILE names.\n",
        );
    }
    match &findings.http {
        HttpFindings::Stream(found) => stream(&mut text, url, found),
        HttpFindings::Poll(found) => poll(&mut text, url, found),
        HttpFindings::Other(_) => {}
    }
    if let Ok(found) = &findings.websocket {
        websocket(&mut text, url, found);
    }
    if let Some(socket_io) = &findings.socket_io {
        let _ = write!(text, "\n[socket-io]\nurl = {}\n", quoted(&socket_io.url));
        let mut events = socket_io.events.iter();
        if let Some(event) = events.next() {
            let _ = writeln!(text, "event = {}", quoted(event));
        }
        events.for_each(|other| _ = writeln!(text, "# event = {}", quoted(other)));
        if socket_io.json_in_strings {
            text.push_str("encoding = \"json-string\"\n");
        }
    }
    text
}

fn stream(text: &mut String, url: &ProbedUrl, found: &StreamFindings) {
    let _ = write!(text, "\n[sse]\nurl = {}\n", quoted(url.http()));
    let usual = found.usual_event().unwrap_or("message");
    if usual != "message" {
        let _ = writeln!(text, "event = {}", quoted(usual));
    }
    for other in found.events.keys().filter(|name| *name != usual) {
        let _ = writeln!(text, "# event = {}", quoted(other));
    }
    if let Some(data) = &found.data {
        text.push_str(&where_a_message_is(data));
    }
    if !found.events.is_empty() && !found.has_ids {
        text.push_str("# Events have no `id`: what a cut connection misses counts as missing.\n");
    }
}

fn poll(text: &mut String, url: &ProbedUrl, found: &PollFindings) {
    let _ = write!(text, "\n[{}]\nurl = {}\n", found.transport(), quoted(url.http()));
    if found.held {
        text.push_str(
            "# The first poll is held until there is a message.\nsubscribed = \"sent\"\n",
        );
    }
    match &found.answer {
        Some(answer) => {
            cursor(text, url, answer);
            if let Some(messages) = &answer.messages {
                let _ = writeln!(text, "messages = {}\nsplit = \"array\"", quoted(messages));
            } else if let Some(body) = &answer.text {
                text.push_str(&where_a_message_is(body));
            }
        }
        None => text.push_str(
            "# If its answers have `ETag` or `Last-Modified`: cursor = \"validators\"\n\
             # If they have another cursor: cursor = \"header:NAME\", or a JSON pointer into the body\n\
             # If an answer has several messages: messages = \"/messages\", split = \"array\"\n",
        ),
    }
}

fn cursor(text: &mut String, url: &ProbedUrl, answer: &PollAnswer) {
    let next = url.http();
    let separator = if next.contains('?') { '&' } else { '?' };
    let place = match &answer.cursor {
        CursorPlace::Validators(_) => {
            text.push_str("cursor = \"validators\"\n");
            return;
        }
        CursorPlace::Unknown if answer.status == StatusCode::NOT_MODIFIED => {
            text.push_str(
                "# A `GET` without a condition is answered with 304, as Nchan does: the server wants\n\
                 # to know from which time on.\n\
                 first-headers = { If-Modified-Since = \"{http_date}\", If-None-Match = \"0\" }\n\
                 cursor = \"validators\"\n",
            );
            return;
        }
        CursorPlace::Unknown => {
            let _ = write!(
                text,
                "# Where an answer has the cursor of the next poll, and where that takes it:\n\
                 # cursor = \"header:NAME\"\n\
                 # next-url = {}\n",
                quoted(&format!("{next}{separator}after={{cursor}}"))
            );
            return;
        }
        CursorPlace::Header(name) => format!("header:{name}"),
        CursorPlace::Member(pointer) => pointer.clone(),
    };
    let _ = write!(
        text,
        "cursor = {}\n# Say where the next poll takes it. Without this, it gets no old messages:\n\
         # next-url = {}\n",
        quoted(&place),
        quoted(&format!("{next}{separator}after={{cursor}}"))
    );
}

fn websocket(text: &mut String, url: &ProbedUrl, found: &WebSocketFindings) {
    let _ = write!(text, "\n[websocket]\nurl = {}\n", quoted(&url.websocket()));
    if found.greeting.is_some() {
        text.push_str(
            "# A text comes as soon as the connection is open. The subscription is complete with it.\n\
             handshake = [{ expect = \"*\" }]\n\
             # If the client has to subscribe, too: handshake = [{ expect = '*' }, { send = '…' }]\n",
        );
    } else {
        text.push_str("# If the client has to subscribe: handshake = [{ send = '…' }]\n");
    }
    if let Some((beat, times)) = &found.repeated {
        let _ = write!(
            text,
            "# This came {times} times. If it is a heartbeat, this may be the answer that it wants:\n\
             ping = {}\npong = {}\n",
            quoted(beat),
            quoted(&beat.replace("ping", "pong"))
        );
    }
    if let Some(first) = &found.first {
        text.push_str(&where_a_message_is(first));
    }
}
