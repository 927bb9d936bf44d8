//! The requests of a session that polls: one that the server holds, and one that posts beside it.

use std::fmt;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::StatusCode;
use wirebench_protocol::Timestamp;

use super::connector::Connector;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, RequestHeaders, RequestKind};

/// What a request carries.
#[derive(Clone, Debug)]
enum Method {
    Get,
    Post(Bytes),
}

/// The requests that are under way, at most one of each kind, and the connections that are not in
/// use. A `GET` takes a connection that is free, and a `POST` too; either opens another one if none
/// is.
pub(super) struct Requests<'a, C> {
    connector: C,
    /// At most two: one for each kind of request.
    free: Vec<ClientConnection>,
    get: Option<BoxFuture<'a, Result<Answered, SubscribeError>>>,
    post: Option<BoxFuture<'a, Result<Answered, SubscribeError>>>,
    /// The maximum time of an answer. `None` as long as the deadline of the opening holds.
    within: Option<Duration>,
}

/// Which request was answered, and with what.
#[derive(Debug)]
pub(super) enum Reply {
    /// The `GET`.
    Get(Answer),
    /// The `POST`. Its answer says nothing.
    Post(Answer),
}

/// What a request was answered with.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Bytes,
    /// When the last byte arrived.
    pub(super) at: Timestamp,
    /// The bytes of the request and of the answer, with their heads, without TLS. `None` if others
    /// share the connection.
    pub(super) bytes: Option<u64>,
}

struct Answered {
    answer: Answer,
    /// The connection, if it can carry another request.
    connection: Option<ClientConnection>,
}

impl<C> fmt::Debug for Requests<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("free", &self.free)
            .field("gets", &self.get.is_some())
            .field("posts", &self.post.is_some())
            .finish_non_exhaustive()
    }
}

impl<'a, C: Connector + 'a> Requests<'a, C> {
    /// Starts with a connection that is free, if there is one.
    pub(super) fn new(connector: C, free: Option<ClientConnection>) -> Self {
        Self { connector, free: free.into_iter().collect(), get: None, post: None, within: None }
    }

    /// Sets the maximum time of each further answer.
    pub(super) fn allow(&mut self, within: Duration) {
        self.within = Some(within);
    }

    /// Returns true while a `GET` is under way.
    pub(super) fn gets(&self) -> bool {
        self.get.is_some()
    }

    /// Returns true while a `POST` is under way.
    pub(super) fn posts(&self) -> bool {
        self.post.is_some()
    }

    /// Prepares a `GET`, which [`poll`](Self::poll) sends.
    pub(super) fn get(&mut self, url: String) {
        self.get = Some(self.exchange(url, Method::Get));
    }

    /// Prepares a `POST`, which [`poll`](Self::poll) sends.
    pub(super) fn post(&mut self, url: String, body: Bytes) {
        self.post = Some(self.exchange(url, Method::Post(body)));
    }

    /// Polls the requests that are under way.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, SubscribeError>> {
        // Reads what a server sends between requests: that it closes the connection, or a ping of
        // HTTP/2.
        self.free.retain_mut(|connection| {
            pin!(connection.closed()).poll(cx).is_pending() && !connection.is_closed()
        });
        if let Some(Poll::Ready(answered)) = self.get.as_mut().map(|get| get.poll_unpin(cx)) {
            self.get = None;
            return Poll::Ready(answered.map(|answered| Reply::Get(self.take(answered))));
        }
        if let Some(Poll::Ready(answered)) = self.post.as_mut().map(|post| post.poll_unpin(cx)) {
            self.post = None;
            return Poll::Ready(answered.map(|answered| Reply::Post(self.take(answered))));
        }
        Poll::Pending
    }

    fn take(&mut self, Answered { answer, connection }: Answered) -> Answer {
        self.free.extend(connection);
        answer
    }

    fn exchange(
        &mut self,
        url: String,
        method: Method,
    ) -> BoxFuture<'a, Result<Answered, SubscribeError>> {
        let (connector, within) = (self.connector.clone(), self.within);
        let kind = match method {
            Method::Get => RequestKind::Fetch,
            Method::Post(_) => RequestKind::Post,
        };
        let headers = connector.headers(kind);
        let free = self.free.pop();
        async move {
            if let Some(connection) = free {
                match answer(connection, within, &url, &headers, method.clone()).await {
                    // The server has closed the connection as properly as between two requests.
                    Err(error) if error.is_unprocessed() => {}
                    answered => return answered,
                }
            }
            answer(connector.connect().await?, within, &url, &headers, method).await
        }
        .boxed()
    }
}

/// Sends a request and waits for its answer.
async fn answer(
    mut connection: ClientConnection,
    within: Option<Duration>,
    url: &str,
    headers: &RequestHeaders,
    method: Method,
) -> Result<Answered, SubscribeError> {
    if let Some(within) = within {
        connection.allow(within);
    }
    let before = connection.crossed_bytes();
    let answer = match method {
        Method::Get => connection.get(url, headers).await?,
        Method::Post(body) => connection.post(url, headers, body).await?,
    };
    if answer.status() != StatusCode::OK {
        return Err(session_refused(connection.refused(answer).await, within.is_none()));
    }
    // A request with the headers of a browser offers compression. The server of this project does
    // not compress; another server may.
    connection.check_encoding(&answer)?;
    let last = answer.is_last();
    let body = connection.whole(answer.into_body()).await?;
    // Stamped here, before decoding.
    let at = connection.arrived_at();
    let bytes = connection.crossed_bytes().zip(before).map(|(after, before)| after - before);
    let answer = Answer { body, at, bytes };
    Ok(Answered { answer, connection: (!last).then_some(connection) })
}

/// Returns the error of a request that was refused. The server may have forgotten the session, and
/// another one is not refused for that reason. A session that is being opened cannot be forgotten:
/// it is unknown because another server was asked.
fn session_refused(error: SubscribeError, opening: bool) -> SubscribeError {
    match error {
        SubscribeError::Refused { asked, status, error, .. } if status.is_client_error() => {
            let is_elsewhere = opening && status == StatusCode::BAD_REQUEST;
            let cause = if is_elsewhere { ELSEWHERE } else { "" };
            SubscribeError::SessionEnded { asked, reason: format!("{status}: {error}{cause}") }
        }
        error => error,
    }
}

/// Why a session that was just opened is not known.
const ELSEWHERE: &str = "; it was opened a moment ago, probably by another server: a proxy in front of \
                         several servers needs sticky sessions, or the session has to be a WebSocket \
                         from the beginning (mode `websocket`)";
