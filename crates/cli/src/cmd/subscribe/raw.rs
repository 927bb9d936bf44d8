//! `wirebench subscribe --raw`: prints what any server sends, without decoding it.

use std::error::Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::{Value, json};
use wirebench_loadgen::raw::{self, RawError, RawMessage, RawOptions, RawUpdate, SocketIoInterest};
use wirebench_protocol::Transport;

use super::arguments::SubscribeArguments;
use super::printer::{Printer, interrupted};

/// Returns true if there is a raw client for this transport.
pub(super) fn supports(transport: Transport) -> bool {
    match transport {
        Transport::Sse | Transport::WebSocket | Transport::SocketIo => true,
        Transport::ShortPolling | Transport::LongPolling => false,
    }
}

type Updates<T> = BoxStream<'static, Result<RawUpdate<T>, RawError>>;

/// Follows the URL, and prints each event or message as a JSON line.
pub(super) async fn follow(
    arguments: &SubscribeArguments,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let url = &arguments.url;
    let options = RawOptions {
        trusted: arguments.trust.trusted(),
        headers: arguments.headers.map(),
        once: arguments.once,
    };
    match arguments.transport {
        Transport::Sse => {
            let events = raw::events(url, &options);
            print(events, printer, |event| Ok(serde_json::to_value(event)?)).await
        }
        Transport::WebSocket => {
            print(raw::messages(url, &options), printer, |received| Ok(message(&received))).await
        }
        Transport::SocketIo => {
            let interest = SocketIoInterest {
                namespace: arguments.namespace.clone(),
                event: arguments.event.clone(),
                mode: arguments.socket_io_mode(),
            };
            let events = raw::socket_io_events(url, &interest, &options);
            print(events, printer, |event| Ok(serde_json::to_value(event)?)).await
        }
        // `supports` has refused them.
        Transport::ShortPolling | Transport::LongPolling => Ok(()),
    }
}

async fn print<T>(
    mut updates: Updates<T>,
    printer: &mut Printer,
    line: impl Fn(T) -> anyhow::Result<Value>,
) -> anyhow::Result<()> {
    while let Some(update) = updates.next().await {
        match update? {
            RawUpdate::Connected => printer.connected(),
            RawUpdate::Received(received) => printer.message(&line(received)?.to_string()),
            RawUpdate::Interrupted { why, pause } => {
                interrupted(why.as_ref().map(|why| why as &dyn Error), pause);
            }
        }
    }
    Ok(())
}

/// Returns the JSON of a WebSocket's message.
fn message(message: &RawMessage) -> Value {
    match message {
        RawMessage::Text(text) => json!({ "text": text.as_str() }),
        RawMessage::Binary(bytes) => json!({ "binary": STANDARD.encode(bytes) }),
    }
}
