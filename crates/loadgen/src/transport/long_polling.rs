//! Long polling: ask, and be answered when there is something new or the hold time is over.

use std::time::Duration;

use wirebench_measure::Event;
use wirebench_protocol::{Timestamp, Transport};

use super::client::{Client, Opening};
use super::poller::Poller;
use crate::error::SubscribeError;

/// How much longer than the hold time the answer to a poll may take.
const GRACE: Duration = Duration::from_secs(15);

/// Polls again as soon as it is answered.
pub(super) struct LongPolling {
    poller: Poller,
    /// The next poll is held. The first poll of a connection is not: its answer completes the
    /// subscription at once, as on every other transport, and not with the first message.
    held: bool,
    /// The next request was announced by an event and not sent yet.
    due: bool,
}

impl<'a> Client<'a> for LongPolling {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let mut poller = Poller::open(Transport::LongPolling, &opening).await?;
        if !opening.settings.poll_cursor {
            poller.forget_cursor();
        }
        Ok(Self { poller, held: opening.settings.continues, due: false })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.poller.event() {
                return Ok(Some(event));
            }
            if self.due {
                self.due = false;
                let hold = if self.held { self.poller.settings().hold } else { Duration::ZERO };
                self.poller.poll(Some(hold), hold + GRACE).await?;
                if !self.poller.settings().poll_cursor {
                    self.poller.forget_cursor();
                }
                self.held = true;
                continue;
            }
            if self.poller.is_closed() {
                return Ok(None);
            }
            self.due = true;
            return Ok(Some(Event::Request { at: Timestamp::now() }));
        }
    }
}
