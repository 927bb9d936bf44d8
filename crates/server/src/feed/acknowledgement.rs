//! The answer to a publisher.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use wirebench_protocol::Published;

use super::rejected::Rejected;

/// The answer to a publisher: that its message is in the feed, or why it is not.
///
/// For a feed in memory it is known at once. A durable feed answers when its database has committed
/// the message. Whoever needs no answer drops this: the message is published all the same.
pub struct Acknowledgement(AnswerState);

enum AnswerState {
    /// `None` once the answer was taken.
    Known(Option<Result<Published, Rejected>>),
    Committing(BoxFuture<'static, Result<Published, Rejected>>),
}

impl Acknowledgement {
    /// Returns an answer that comes later.
    pub(super) fn later(
        answer: impl Future<Output = Result<Published, Rejected>> + Send + 'static,
    ) -> Self {
        Self(AnswerState::Committing(answer.boxed()))
    }

    /// Returns the answer if it is known already.
    ///
    /// # Errors
    /// The answer comes later: this value is returned, to be awaited.
    pub fn at_once(self) -> Result<Result<Published, Rejected>, Self> {
        match self.0 {
            AnswerState::Known(Some(answer)) => Ok(answer),
            AnswerState::Known(None) | AnswerState::Committing(_) => Err(self),
        }
    }
}

impl From<Result<Published, Rejected>> for Acknowledgement {
    fn from(answer: Result<Published, Rejected>) -> Self {
        Self(AnswerState::Known(Some(answer)))
    }
}

impl Future for Acknowledgement {
    type Output = Result<Published, Rejected>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            AnswerState::Known(answer) => {
                Poll::Ready(answer.take().expect("a future is not polled after it has completed"))
            }
            AnswerState::Committing(answer) => answer.poll_unpin(context),
        }
    }
}

impl fmt::Debug for Acknowledgement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            AnswerState::Known(answer) => formatter.debug_tuple("Known").field(answer).finish(),
            AnswerState::Committing(_) => formatter.write_str("Committing"),
        }
    }
}
