//! A target file to start from, with what was found.

use std::fmt::Write as _;

use reqwest::Url;

use super::findings::Findings;

/// Returns the text of a target file. It lacks what no probe can find out: how to publish.
pub(super) fn text(url: &Url, findings: &Findings) -> String {
    let mut text = format!(
        "# A target for `wirebench run --target`, made by `wirebench probe {url}`.\n\
         # `wirebench init --target` explains every key.\n\
         about = \"The server at {}\"\n\n\
         # How messages are published is for you to say. `{{payload}}` has to reach the subscribers as\n\
         # it is, or inside of something: then say with `message = \"/pointer\"` where.\n\
         [publish]\n\
         url = \"{{env:WIREBENCH_PUBLISH_URL}}\"\n\
         # headers = {{ Authorization = \"Bearer {{env:TOKEN}}\" }}\n\
         # body = '{{\"data\":{{payload}}}}'\n\n\
         # To measure the cost of the server, if it runs on this machine:\n\
         # [process]\n\
         # name = \"my-server\"        # as `ps -o comm` shows it\n",
        url.authority()
    );
    stream(&mut text, url, findings);
    poll(&mut text, url, findings);
    if let Some(websocket) = &findings.websocket {
        let _ =
            write!(text, "\n[websocket]\nurl = \"{}\"\n", url.as_str().replacen("http", "ws", 1));
        if websocket.first.is_some() {
            text.push_str(
                "# A text came unasked. If it is no message, and the subscription is complete with it:\n\
                 # handshake = [{ expect = '*' }]\n",
            );
        }
        text.push_str("# If the client has to subscribe: handshake = [{ send = '…' }]\n");
    }
    if let Some(socket_io) = &findings.socket_io {
        let _ = write!(text, "\n[socket-io]\nurl = \"{}\"\n", socket_io.url);
        if let Some(event) = socket_io.events.first() {
            let _ = writeln!(text, "event = {event:?}");
        }
    }
    text
}

fn stream(text: &mut String, url: &Url, findings: &Findings) {
    let Some(stream) = &findings.http.stream else { return };
    let _ = write!(text, "\n[sse]\nurl = \"{url}\"\n");
    let mut events = stream.events.iter();
    if let Some(event) = events.next().filter(|event| *event != "message") {
        let _ = writeln!(text, "event = {event:?}");
    }
    for other in events {
        let _ = writeln!(text, "# event = {other:?}");
    }
    if stream.last_id.is_none() {
        text.push_str("# Events have no `id`: what a cut connection misses counts as missing.\n");
    }
}

fn poll(text: &mut String, url: &Url, findings: &Findings) {
    let Some(poll) = &findings.http.poll else { return };
    let table = if poll.held { "long-polling" } else { "short-polling" };
    let _ = write!(text, "\n[{table}]\nurl = \"{url}\"\n");
    if poll.held {
        text.push_str(
            "# The first poll is held until there is a message.\nsubscribed = \"sent\"\n",
        );
    }
    if poll.validators {
        text.push_str("cursor = \"validators\"\n");
    } else {
        let _ = write!(
            text,
            "# Where an answer has the cursor of the next poll, and where that takes it:\n\
             # cursor = \"header:NAME\"\n\
             # next-url = \"{url}?after={{cursor}}\"\n"
        );
    }
    text.push_str(
        "# If an answer has several messages: messages = \"/messages\", split = \"array\"\n",
    );
}
