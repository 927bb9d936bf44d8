//! The phases of a task that lasts as long as a connection.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt;

/// A phase of a task: a future that returns the phase after it, or `None` at the end of the task.
///
/// Each phase is on the heap for as long as it lasts. As one async function, a task would be as
/// large as its largest phase, together with the arguments of every function on the way there, for
/// as long as its connection is open.
pub(crate) struct TaskPhase(Pin<Box<dyn Future<Output = Option<Self>> + Send>>);

impl TaskPhase {
    pub(crate) fn new(phase: impl Future<Output = Option<Self>> + Send + 'static) -> Self {
        Self(Box::pin(phase))
    }

    /// Creates the last phase of a task.
    pub(crate) fn last(phase: impl Future<Output = ()> + Send + 'static) -> Self {
        // An async block would have room for the future twice: where it comes from, and where it
        // is polled.
        Self::new(phase.map(|()| None))
    }

    /// Returns the size of the future of this phase, in bytes.
    #[cfg(test)]
    pub(crate) fn size(&self) -> usize {
        std::mem::size_of_val(&*self.0)
    }
}

/// Runs this phase and those after it.
impl Future for TaskPhase {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        while let Some(next) = ready!(self.0.as_mut().poll(context)) {
            *self = next;
        }
        Poll::Ready(())
    }
}
