//! Long polling: ask, and be answered when there is something new or the hold is over.

use std::time::Duration;

use wirebench_measure::Event;
use wirebench_protocol::{Timestamp, Transport};

use super::polling::Poller;
use super::{Client, Opening};
use crate::error::SubscribeError;

/// How much longer than the hold a poll may wait for its answer.
const GRACE: Duration = Duration::from_secs(15);

/// Polls again as soon as it is answered.
pub(super) struct LongPolling<'a> {
    poller: Poller<'a>,
    /// The first poll of a connection is not held: with its answer the subscription stands, at once as
    /// on every transport, rather than with the first message.
    primed: bool,
    /// The request was announced and is to be sent.
    due: bool,
}

impl<'a> LongPolling<'a> {
    pub(super) fn new(opening: Opening<'a>) -> Self {
        let primed = opening.settings.held;
        let poller = Poller::new(Transport::LongPolling, opening);
        Self { poller, primed, due: false }
    }
}

impl Client for LongPolling<'_> {
    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.poller.event() {
                return Ok(Some(event));
            }
            if self.due {
                self.due = false;
                let hold = if self.primed { self.poller.settings().hold } else { Duration::ZERO };
                self.poller.poll(Some(hold), hold + GRACE).await?;
                self.primed = true;
                continue;
            }
            if self.poller.is_closed() {
                return Ok(None);
            }
            self.poller.connection().await?;
            self.due = true;
            return Ok(Some(Event::Request { at: Timestamp::now() }));
        }
    }
}
