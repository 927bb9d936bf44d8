//! What `wirebench subscribe` prints: a line for each message on standard output, and what happens
//! to the connection on standard error.

use std::error::Error;
use std::num::NonZeroU64;
use std::time::Duration;

use anyhow::bail;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use wirebench_loadgen::error_chain;
use wirebench_measure::{Event, ReceivedPayload};
use wirebench_protocol::{Cursor, Timestamp, Transport};

use crate::print;

/// Prints until it has printed enough messages.
pub(super) struct Printer {
    transport: Transport,
    /// How many messages to print. `None`: any number.
    wanted: Option<NonZeroU64>,
    printed: u64,
    connected_before: bool,
    enough: CancellationToken,
    /// Why printing failed.
    failed: Option<anyhow::Error>,
}

impl Printer {
    pub(super) fn new(transport: Transport, wanted: Option<NonZeroU64>) -> Self {
        Self {
            transport,
            wanted,
            printed: 0,
            connected_before: false,
            enough: CancellationToken::new(),
            failed: None,
        }
    }

    /// Returns a token that is cancelled when enough messages were printed, or printing has failed.
    pub(super) fn enough(&self) -> CancellationToken {
        self.enough.clone()
    }

    /// Says that the server has accepted the subscription.
    pub(super) fn connected(&mut self) {
        if std::mem::replace(&mut self.connected_before, true) {
            print::talk("connected again");
        } else {
            print::talk(&format!("connected over {}, waiting for messages", self.transport));
        }
    }

    /// Prints a line for a message or a gap. Prints nothing for most other events.
    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Received { cursor, published_at, received_at, payload, .. } => {
                // `null` if the clocks of two hosts disagree.
                let delay = received_at.checked_since(*published_at);
                self.message(&message_line(*cursor, *published_at, delay, payload.as_ref()));
            }
            Event::Damaged { cursor, .. } => {
                print::talk(&format!("the payload of message {} is no Base64", cursor.seq));
            }
            Event::Gap { gap, cursor } => {
                self.line(&json!({ "gap": gap, "cursor": cursor }).to_string());
            }
            Event::Connected { .. } => self.connected(),
            Event::Request { .. }
            | Event::Empty { .. }
            | Event::Closing
            | Event::Retry { .. }
            | Event::Upstream(_)
            // This command subscribes to wirebench's own server, whose messages are no strangers.
            | Event::Watched(_) => {}
        }
    }

    /// Prints the line of a message, unless enough were printed.
    pub(super) fn message(&mut self, line: &str) {
        self.line(line);
        self.printed += 1;
        if self.wanted.is_some_and(|wanted| self.printed >= wanted.get()) {
            self.enough.cancel();
        }
    }

    fn line(&mut self, line: &str) {
        if self.enough.is_cancelled() {
            return;
        }
        if let Err(error) = print::data(&format!("{line}\n")) {
            self.failed = Some(error);
            self.enough.cancel();
        }
    }

    /// Ends after the time that the user has given.
    ///
    /// # Errors
    ///
    /// Fewer messages have come than the user asked for.
    pub(super) fn time_is_up(&self) -> anyhow::Result<()> {
        match self.wanted {
            Some(wanted) if self.printed < wanted.get() => {
                bail!("the time is up: received {} of {wanted} messages", self.printed)
            }
            _ => Ok(()),
        }
    }

    /// Returns why printing failed, if it did.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }
}

/// Says why the subscription was interrupted, and when it is resumed.
pub(super) fn interrupted(why: Option<&dyn Error>, pause: Duration) {
    let why = why.map_or_else(|| "the server ended the subscription".to_owned(), error_chain);
    print::talk(&format!("{why}; connecting again in {} ms", pause.as_millis()));
}

fn message_line(
    cursor: Cursor,
    published_at: Timestamp,
    delay: Option<Duration>,
    payload: Option<&ReceivedPayload>,
) -> String {
    let payload = match payload {
        Some(ReceivedPayload::Json(json)) => format!(",\"payload\":{json}"),
        Some(ReceivedPayload::Binary(bytes)) => {
            format!(",\"payload_base64\":\"{}\"", STANDARD.encode(bytes))
        }
        // The subscription asks for payloads.
        None => String::new(),
    };
    format!(
        "{{\"seq\":{},\"published_ns\":{},\"delay_us\":{},\"cursor\":\"{cursor}\"{payload}}}",
        cursor.seq,
        published_at.as_nanos(),
        delay.map_or_else(|| "null".to_owned(), |delay| delay.as_micros().to_string()),
    )
}
