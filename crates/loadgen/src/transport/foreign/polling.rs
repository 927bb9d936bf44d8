//! Short and long polling of a target server: ask, and read the messages of the answer.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Instant, Sleep, timeout};
use wirebench_measure::Event;
use wirebench_protocol::{Cursor, Timestamp, Transport};

use super::message_format::MessageFormat;
use super::opening::{ForeignOpening, SILENCE_TIMEOUT};
use super::poll_format::PollFormat;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpAnswer, RequestHeaders, RequestKind};
use crate::socket_io::Connector;
use crate::texts::unexpected;
use crate::transport::client::Client;
use crate::transport::poll_schedule::PollSchedule;

/// How long the answer to a poll may take that the server does not hold.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the first poll of a subscriber may be unanswered before the server seems to hold it, and
/// the subscriber counts as subscribed. A refusal comes earlier. An emulated link comes on top.
const REFUSAL_TIME: Duration = Duration::from_millis(200);

/// A connection, and the answer that came over it.
type Answered = (ClientConnection, Result<HttpAnswer, SubscribeError>);

/// Polls at a fixed rate, or as soon as the last poll is answered.
pub(super) struct ForeignPolling<'a> {
    opening: ForeignOpening<'a>,
    format: MessageFormat<'a>,
    polls: PollFormat<'a>,
    /// The headers of every poll.
    headers: RequestHeaders,
    /// `None` while a poll is under way.
    http: Option<ClientConnection>,
    /// The poll that is under way. It outlives one call of [`Client::next`], which reports that the
    /// server holds it.
    asking: Option<BoxFuture<'a, Answered>>,
    /// When the last poll was sent.
    asked_at: Timestamp,
    /// When dialling began. `None` once the subscriber is subscribed.
    dialled: Option<Timestamp>,
    /// The last message seen.
    last: Cursor,
    /// The times of the polls. `None` before the first answer, and if the server holds polls.
    schedule: Option<PollSchedule>,
    timer: Option<Pin<Box<Sleep>>>,
    /// An event has announced the next poll, which is not sent yet.
    due: bool,
    /// The last answer said that it was the last on this connection.
    closing: bool,
    /// The events that have not been returned yet.
    events: VecDeque<Event>,
}

impl<'a> Client<'a, ForeignOpening<'a>> for ForeignPolling<'a> {
    async fn open(opening: ForeignOpening<'a>) -> Result<Self, SubscribeError> {
        let dialled = Timestamp::now();
        let http = opening.connect().await?;
        Ok(Self {
            format: MessageFormat::of(opening.foreign),
            polls: PollFormat::of(opening.foreign.file(), opening.foreign.transport()),
            headers: opening.headers(RequestKind::Fetch),
            http: Some(http),
            asking: None,
            asked_at: dialled,
            dialled: Some(dialled),
            last: opening.start(),
            schedule: None,
            timer: None,
            due: false,
            closing: false,
            events: VecDeque::new(),
            opening,
        })
    }

    async fn next(&mut self) -> Result<Option<Event>, SubscribeError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if self.asking.is_some() {
                if let Some((http, answer)) = self.answered().await {
                    self.take(http, answer).await?;
                }
            } else if self.due {
                self.due = false;
                self.ask();
            } else if self.wait().await {
                self.due = true;
                return Ok(Some(Event::Request { at: Timestamp::now() }));
            } else {
                return Ok(None);
            }
        }
    }
}

/// Returns how long a held poll may be unanswered before its subscriber counts as subscribed. A
/// subscriber that has received something was not refused.
fn refusal_time(opening: &ForeignOpening<'_>) -> Duration {
    if opening.start().seq > 0 { Duration::ZERO } else { REFUSAL_TIME + opening.round_trip() }
}

impl ForeignPolling<'_> {
    /// Sends a poll. Only the first one shares the deadline of the opening, unless the server may
    /// hold it.
    fn ask(&mut self) {
        let Some(mut http) = self.http.take() else { return };
        if self.dialled.is_none() || self.polls.is_held(&self.opening) {
            http.allow(if self.polls.are_held { SILENCE_TIMEOUT } else { ANSWER_TIMEOUT });
        }
        let (path, headers) = self.polls.request(&self.opening, &self.headers);
        self.asked_at = Timestamp::now();
        let asking = async move {
            let answer = http.get(&path, &headers).await;
            (http, answer)
        };
        self.asking = Some(asking.boxed());
    }

    /// Waits for the answer to the poll that is under way. `None`: the server seems to hold it, and
    /// the subscriber counts as subscribed from now on.
    async fn answered(&mut self) -> Option<Answered> {
        let asking = self.asking.as_mut()?;
        let answered = match self.dialled {
            Some(dialled) if self.polls.is_held(&self.opening) => {
                let Ok(answered) = timeout(refusal_time(&self.opening), asking).await else {
                    self.subscribed(self.asked_at.saturating_since(dialled));
                    return None;
                };
                answered
            }
            _ => asking.await,
        };
        self.asking = None;
        Some(answered)
    }

    /// Takes the answer to a poll.
    async fn take(
        &mut self,
        http: ClientConnection,
        answer: Result<HttpAnswer, SubscribeError>,
    ) -> Result<(), SubscribeError> {
        let http = self.http.insert(http);
        let answer = match answer {
            // The connection has ended as properly as between two polls.
            Err(error) if self.dialled.is_none() && error.is_unprocessed() => {
                self.closing = true;
                return Ok(());
            }
            answer => answer?,
        };
        let last = answer.is_last();
        let Some(head) = self.polls.head(&answer, &self.format) else {
            return Err(http.refused(answer).await);
        };
        http.check_encoding(&answer)?;
        let body = http.whole(answer.into_body()).await?;
        // Stamped here, before decoding.
        let at = http.arrived_at();
        let read =
            self.polls.read(&self.opening, &self.format, (head, &body), (&mut self.last, at));
        let asked = || format!("`{}`", http.asked());
        let messages = read.map_err(|misfit| unexpected(asked(), misfit))?;
        if let Some(dialled) = self.dialled {
            self.subscribed(at.saturating_since(dialled));
        }
        if messages.is_empty() {
            self.events.push_back(Event::Empty { at, cursor: self.last });
        }
        self.events.extend(messages);
        if last {
            self.closing = true;
            self.events.push_back(Event::Closing);
        }
        if self.opening.foreign.transport() == Transport::ShortPolling {
            let settings = self.opening.settings();
            let (phase, interval) = (settings.phase, settings.interval);
            self.schedule
                .get_or_insert_with(|| PollSchedule::new(Instant::now() + phase, interval));
        }
        Ok(())
    }

    /// Reports that the subscriber is subscribed.
    fn subscribed(&mut self, took: Duration) {
        self.dialled = None;
        self.events.push_back(Event::Connected { took, cursor: self.opening.start() });
    }

    /// Waits until the next poll is due. Returns false if the connection has closed in the meantime.
    async fn wait(&mut self) -> bool {
        let at = self.schedule.as_mut().and_then(|schedule| schedule.next(Instant::now()));
        let Some(http) = &mut self.http else { return false };
        if self.closing || http.is_closed() {
            return false;
        }
        if let Some(at) = at {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            timer.as_mut().reset(at);
            tokio::select! {
                biased;
                () = http.closed() => return false,
                () = timer => {}
            }
        }
        !http.is_closed()
    }
}
