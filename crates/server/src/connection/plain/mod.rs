//! Requests that are answered without hyper: a plain `GET` of a feed over HTTP/1.1.
//!
//! Nearly all that a feed server does is to answer such requests, and to hold them. hyper keeps two
//! buffers of 8 KiB for each connection and builds maps of header fields, which a subscriber would
//! pay for with every byte and every poll, while a WebSocket pays once. Here a connection that
//! waits owns no buffer.
//!
//! [`head`] decides which requests are plain. Everything else goes to hyper, with the bytes that
//! were read put back in front, and the connection stays there. So there is one place that knows
//! the rules of HTTP for everything that is not plain, and it is not here.
//!
//! | file | what it does |
//! |---|---|
//! | `head.rs` | tells whether a request is plain, and what it asks for |
//! | `writing.rs` | writes answers, with or without chunks |
//! | `http_date.rs` | the time in the `Date` field |

mod head;
mod http_date;
mod writing;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use self::head::{Head, PlainGet};
use super::activity::ConnectionActivity;
use super::linger::CLOSE_TIME;
use super::preface::Rewound;
use crate::layer::Io;
use crate::scratch;
use crate::transport::event_stream::EventStream;
use crate::transport::feed_answer::FeedAnswer;
use crate::wake_flag::WakeFlag;

/// A connection whose requests have been plain so far.
pub(super) struct PlainConnection<S> {
    stream: S,
    activity: Arc<ConnectionActivity>,
    /// Bytes that have come and do not belong to an answered request.
    unread: Vec<u8>,
    /// Set when there is something to read, or the peer has closed its side.
    read_flag: WakeFlag,
}

/// How the plain part of a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlainEnd {
    /// With the connection.
    Closed,
    /// With a request that is for hyper.
    NotPlain,
    /// With a request to leave HTTP, which is for hyper and does not concern the layer.
    Upgrade,
}

impl<S: Io> PlainConnection<S> {
    pub(super) fn new(stream: Rewound<S>, activity: Arc<ConnectionActivity>) -> Self {
        let (stream, unread) = stream.into_parts();
        Self { stream, activity, unread, read_flag: WakeFlag::default() }
    }

    /// Answers requests for as long as they are plain.
    pub(super) async fn serve(&mut self) -> PlainEnd {
        loop {
            let answer = match self.next().await {
                Ok(answer) => answer,
                Err(end) => return end,
            };
            // An error at the end is the peer's: it has closed, or takes nothing.
            if !self.answer(answer).await.unwrap_or(false) {
                return PlainEnd::Closed;
            }
        }
    }

    /// Returns the stream, which begins with the bytes that belong to no answered request.
    pub(super) fn into_stream(self) -> Rewound<S> {
        Rewound::new(self.stream, self.unread)
    }

    /// Closes our side. The peer has taken what was written, or takes it within the close time.
    pub(super) async fn close(mut self) {
        let _ = timeout(CLOSE_TIME, self.stream.shutdown()).await;
    }

    /// Reads the next request, and returns its answer.
    ///
    /// # Errors
    /// It is not plain, the peer has closed its side, or the connection has failed.
    async fn next(
        &mut self,
    ) -> Result<Pin<Box<impl Future<Output = FeedAnswer> + Send + use<S>>>, PlainEnd> {
        loop {
            match head::read(&self.unread, &self.activity) {
                Head::Unfinished => {}
                Head::Plain(PlainGet { length, answer }) => {
                    self.take(length);
                    return Ok(answer);
                }
                Head::Upgrade => return Err(PlainEnd::Upgrade),
                Head::ForHyper => return Err(PlainEnd::NotPlain),
            }
            if !matches!(poll_fn(|context| self.poll_fill(context)).await, Ok(1..)) {
                return Err(PlainEnd::Closed);
            }
        }
    }

    /// Removes a head from the bytes that have come. Without further bytes, no memory is kept.
    fn take(&mut self, length: usize) {
        self.unread =
            if self.unread.len() > length { self.unread.split_off(length) } else { Vec::new() };
    }

    /// Reads what has come, and returns how many bytes it was. The socket is not polled again while
    /// nothing comes, although the task is woken by other things.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut flag = std::mem::take(&mut self.read_flag);
        let filled = flag.poll(context, |context| {
            scratch::lend(|scratch| {
                let mut read = ReadBuf::new(scratch);
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut read))?;
                self.unread.extend_from_slice(read.filled());
                Poll::Ready(Ok(read.filled().len()))
            })
        });
        self.read_flag = flag;
        filled
    }

    /// Completes when the peer closes its side, or when the connection fails. What the peer sends
    /// before it has its answer is kept, but no more than one head is read.
    async fn peer_closes(&mut self) {
        poll_fn(|context| {
            while self.unread.len() < head::MAX_BYTES {
                match ready!(self.poll_fill(context)) {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return Poll::Ready(()),
                }
            }
            Poll::Pending
        })
        .await;
    }

    /// Answers a request. Returns true if the connection goes on.
    async fn answer(
        &mut self,
        mut answer: Pin<Box<impl Future<Output = FeedAnswer>>>,
    ) -> io::Result<bool> {
        let active = ConnectionActivity::begin_request(&self.activity);
        self.activity.server().count_request();
        let answered = tokio::select! {
            biased;
            answered = &mut answer => answered,
            () = self.peer_closes() => return Ok(false),
        };
        drop(answer);
        let is_last = active.server_is_stopping();
        let (bytes, events) = writing::begin(answered, is_last);
        match events {
            None => self.send(&bytes).await?,
            Some(events) => self.write_events(bytes, events).await?,
        }
        Ok(!is_last)
    }

    /// Writes the head of an answer, and the events behind it until their stream ends.
    async fn write_events(
        &mut self,
        mut bytes: Vec<u8>,
        mut events: Box<EventStream>,
    ) -> io::Result<()> {
        while self.append_next(&mut bytes, &mut events).await? {
            self.send(&bytes).await?;
            // No memory is kept until the next event.
            bytes = Vec::new();
        }
        writing::last_chunk(&mut bytes);
        self.send(&bytes).await
    }

    /// Appends the next events as a chunk. Returns false at the end of the stream.
    ///
    /// # Errors
    /// The peer has closed its side first.
    async fn append_next(
        &mut self,
        bytes: &mut Vec<u8>,
        events: &mut EventStream,
    ) -> io::Result<bool> {
        let next = tokio::select! {
            biased;
            next = poll_fn(|context| events.poll_bytes(context)) => next,
            () = self.peer_closes() => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        Ok(next.map(|event| writing::chunk(bytes, &event)).is_some())
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}
