//! Short polling: ask every interval, and be answered at once.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{Instant, Sleep};
use wirebench_measure::Event;
use wirebench_protocol::{Timestamp, Transport};

use super::client::{Client, Opening};
use super::poll_schedule::PollSchedule;
use super::poller::Poller;
use super::posting::{Posting, sent};
use super::settings::SubscriberSettings;
use crate::error::SubscribeError;
use crate::upstream::Outgoing;

/// How long the answer to a poll may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Polls at a fixed rate; see [`PollSchedule`].
pub(super) struct ShortPolling<'a> {
    poller: Poller,
    /// `None` until the first answer.
    schedule: Option<PollSchedule>,
    /// The time of the next poll, if a message was sent while it was awaited.
    next_poll: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    /// How messages are posted. `None` if the subscriber sends nothing.
    posting: Option<Posting<'a>>,
    /// The next request, which an event has announced and which is not sent yet.
    due: Option<Due>,
}

/// What is sent next.
enum Due {
    Poll,
    Message(Outgoing),
}

impl ShortPolling<'_> {
    /// Waits until the next poll is due, or a message. Returns `None` if the connection closed in
    /// the meantime. If the poll is due already, no timer is set.
    async fn wait(&mut self) -> Option<Due> {
        if self.poller.is_closed() {
            return None;
        }
        let at = self.next_poll.take().or_else(|| self.schedule.as_mut()?.next(Instant::now()));
        let due = match at {
            Some(at) => {
                let timer =
                    self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
                timer.as_mut().reset(at);
                tokio::select! {
                    biased;
                    () = self.poller.closed() => return None,
                    // Before the first answer there is no time, and nothing but the first poll.
                    message = next_message(self.posting.as_ref()) => Due::Message(message),
                    () = timer => Due::Poll,
                }
            }
            None if self.schedule.is_none() => Due::Poll,
            None => {
                next_message(self.posting.as_ref()).now_or_never().map_or(Due::Poll, Due::Message)
            }
        };
        if let Due::Message(_) = due {
            self.next_poll = at.or_else(|| Some(Instant::now()));
        }
        (!self.poller.is_closed()).then_some(due)
    }
}

/// Returns the next message to post. Never, if the subscriber sends nothing.
async fn next_message(posting: Option<&Posting<'_>>) -> Outgoing {
    match posting {
        Some(posting) => posting.next().await,
        None => pending().await,
    }
}

impl<'a> Client<'a> for ShortPolling<'a> {
    async fn open(opening: Opening<'a>) -> Result<Self, SubscribeError> {
        let poller = Poller::open(Transport::ShortPolling, &opening).await?;
        let posting = Posting::of(&opening);
        Ok(Self { poller, schedule: None, next_poll: None, timer: None, posting, due: None })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.poller.event() {
                return Ok(Some(event));
            }
            match (self.due.take(), &self.posting) {
                (Some(Due::Message(message)), Some(posting)) => {
                    self.poller.post(posting, &message).await?;
                    continue;
                }
                (Some(_), _) => {
                    self.poller.poll(None, ANSWER_TIMEOUT).await?;
                    let &SubscriberSettings { interval, phase, .. } = self.poller.settings();
                    self.schedule
                        .get_or_insert_with(|| PollSchedule::new(Instant::now() + phase, interval));
                    continue;
                }
                (None, _) => {}
            }
            let Some(due) = self.wait().await else { return Ok(None) };
            let event = match &due {
                Due::Poll => Event::Request { at: Timestamp::now() },
                Due::Message(message) => Event::Upstream(sent(message)),
            };
            self.due = Some(due);
            return Ok(Some(event));
        }
    }
}
