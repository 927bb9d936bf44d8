//! Messages that a subscriber sends in requests: over its own connection between polls, or over a
//! second one beside a subscription that occupies the first.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::header::{self, HeaderName, HeaderValue};
use wirebench_measure::{Event, UpstreamEvent};
use wirebench_protocol::{IDEMPOTENCY_KEY, Recipients, Timestamp};
use wirebench_scenario::PayloadKind;

use super::client::Opening;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestHeaders, RequestKind};
use crate::upstream::{Outbox, Outgoing, OutgoingPayload};

/// The bounds of the pause before a second connection is opened again: as of subscriptions under
/// the policy that is the same for all transports.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How the messages of an outbox are posted.
pub(super) struct Posting<'a> {
    outbox: &'a Outbox,
    /// The path to post to.
    path: String,
    headers: RequestHeaders,
}

/// A message that was posted and answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Posted {
    /// What became of the message; `None` if it had been given up.
    pub(super) event: Option<UpstreamEvent>,
    /// The answer was the last on its connection.
    pub(super) last: bool,
}

impl<'a> Posting<'a> {
    /// Returns how the messages of the subscriber are posted. `None` if it sends nothing.
    pub(super) fn of(opening: &Opening<'a>) -> Option<Self> {
        let outbox = opening.outbox?;
        let what = if outbox.audience().publishes() { "messages" } else { "echo" };
        let path = format!("/feeds/{}/{what}", opening.target.feed);
        let kind = match outbox.payload_kind() {
            PayloadKind::Json => "application/json",
            PayloadKind::Binary => "application/octet-stream",
        };
        let kind = HeaderValue::from_static(kind);
        let headers = opening.headers(RequestKind::Post).with(header::CONTENT_TYPE, kind);
        Some(Self { outbox, path, headers })
    }

    /// Returns where a message is posted: its recipients are in the query.
    fn target(&self, message: &Outgoing) -> String {
        let path = &self.path;
        match message.addressees.recipients() {
            Recipients::Everyone => path.clone(),
            Recipients::Only(name) => format!("{path}?to={name}"),
            Recipients::Except(name) => format!("{path}?except={name}"),
        }
    }

    /// Returns the next message to post, once there is one.
    pub(super) async fn next(&self) -> Outgoing {
        self.outbox.next().await
    }

    /// The connection broke, or did not process what was posted.
    pub(super) fn connection_lost(&self) {
        self.outbox.connection_lost();
    }

    /// Posts a message and waits for its answer.
    pub(super) async fn exchange(
        &self,
        http: &mut ClientConnection,
        message: &Outgoing,
    ) -> Result<Posted, SubscribeError> {
        let mut headers = self.headers.clone();
        if let Some(key) = &message.key {
            let value = HeaderValue::try_from(format!("\"{key}\""));
            let name = HeaderName::from_static(IDEMPOTENCY_KEY);
            headers = headers.with(name, value.expect("a key is visible ASCII"));
        }
        http.allow(message.time_left());
        let before = http.crossed_bytes();
        let body = match &message.payload {
            OutgoingPayload::Json(json) => Bytes::from(json.to_string()),
            OutgoingPayload::Binary(bytes) => bytes.clone(),
        };
        let answer = http.post(&self.target(message), &headers, body).await?;
        let (last, accepted) = (answer.is_last(), answer.status().is_success());
        http.whole(answer.into_body()).await?;
        let at = http.arrived_at();
        let bytes = http.crossed_bytes().zip(before).map(|(after, before)| after - before);
        let event = self.outbox.answered(message.number, at).map(|due| {
            if accepted {
                UpstreamEvent::Acknowledged { due, at, bytes }
            } else {
                UpstreamEvent::Refused { due }
            }
        });
        Ok(Posted { event, last })
    }
}

/// Returns the event of a message that is handed to a connection in a request now.
pub(super) fn sent(message: &Outgoing) -> UpstreamEvent {
    let Outgoing { due, again, .. } = *message;
    UpstreamEvent::Sent { due, at: Timestamp::now(), again, request: true }
}

/// Adds what the subscriber sends over a second connection to the events of a subscription. It ends
/// with the subscription.
pub(super) fn beside<'a>(
    mut events: BoxStream<'a, Result<Event, SubscribeError>>,
    opening: Opening<'a>,
) -> BoxStream<'a, Result<Event, SubscribeError>> {
    let Some(posting) = Posting::of(&opening) else { return events };
    let mut sent = SecondConnection::new(opening, posting).events();
    let mut subscribed = false;
    stream::poll_fn(move |cx| {
        // A message that is due goes first: there are few of them, and many that arrive.
        if subscribed && let Poll::Ready(Some(event)) = sent.poll_next_unpin(cx) {
            return Poll::Ready(Some(Ok(Event::Upstream(event))));
        }
        let next = events.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(Event::Connected { .. }))) = next {
            subscribed = true;
        }
        next
    })
    .boxed()
}

/// A connection beside that of a subscription. It is opened for the first message, kept open, and
/// opened again after it broke.
struct SecondConnection<'a> {
    opening: Opening<'a>,
    posting: Posting<'a>,
    http: Option<ClientConnection>,
    /// The message that an event has announced and that is not posted yet.
    message: Option<Outgoing>,
    /// The bound of the next pause.
    pause: Duration,
    events: VecDeque<UpstreamEvent>,
}

impl<'a> SecondConnection<'a> {
    fn new(opening: Opening<'a>, posting: Posting<'a>) -> Self {
        let (http, message) = (None, None);
        Self { opening, posting, http, message, pause: PAUSES.0, events: VecDeque::new() }
    }

    /// Returns what happens to the messages. Never ends.
    fn events(self) -> BoxStream<'a, UpstreamEvent> {
        stream::unfold(
            Box::new(self),
            |mut second| async move { Some((second.next().await, second)) },
        )
        .boxed()
    }

    async fn next(&mut self) -> UpstreamEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let done = match (self.message.take(), self.http.take()) {
                (Some(message), Some(http)) => self.post(http, &message).await,
                (_, Some(http)) => {
                    self.wait(http).await;
                    Ok(())
                }
                (_, None) => self.connect().await,
            };
            // The subscription tells why, if the server is gone.
            if done.is_err() {
                self.posting.connection_lost();
                let pause = self.pause.mul_f64(rand::random());
                self.pause = PAUSES.1.min(2 * self.pause);
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Opens the connection, once there is a message to send over it.
    async fn connect(&mut self) -> Result<(), SubscribeError> {
        self.posting.outbox.has_next().await;
        let http = self.opening.connect().await?;
        // A stream of a connection that many subscribers share is no connection more.
        if http.crossed_bytes().is_some() {
            self.events.push_back(UpstreamEvent::SecondConnection);
        }
        self.http = Some(http);
        Ok(())
    }

    /// Waits for a message, and for the end of the connection.
    async fn wait(&mut self, mut http: ClientConnection) {
        if http.is_closed() {
            return;
        }
        let message = tokio::select! {
            biased;
            () = http.closed() => return,
            message = self.posting.next() => message,
        };
        self.events.push_back(sent(&message));
        (self.http, self.message) = (Some(http), Some(message));
    }

    async fn post(
        &mut self,
        mut http: ClientConnection,
        message: &Outgoing,
    ) -> Result<(), SubscribeError> {
        let Posted { event, last } = self.posting.exchange(&mut http, message).await?;
        self.events.extend(event);
        self.pause = PAUSES.0;
        self.http = Some(http).filter(|_| !last);
        Ok(())
    }
}
