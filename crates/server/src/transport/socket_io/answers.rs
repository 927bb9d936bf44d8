//! The answers to the events of one client.

use std::sync::Arc;

use socketioxide::SocketError;
use socketioxide::handler::Value;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use wirebench_protocol::Published;

use super::adapter::PacketSender;
use super::session::{EngineSession, SessionCloseReason};
use super::window::SendWindow;
use crate::feed::{Acknowledgement, Rejected};
use crate::framing::socket_io as framing;
use crate::state::SharedState;

/// The maximum number of messages of one client that wait for the store of a feed. Further ones are
/// refused.
const MAX_WAITING: usize = 256;

/// Answers one client. Its methods return `None` if the session has to end, because an answer finds
/// no room.
#[derive(Clone)]
pub(super) struct ClientAnswers {
    pub(super) server: Arc<SharedState>,
    pub(super) session: Arc<EngineSession>,
    pub(super) sender: PacketSender,
}

/// The answers that wait for the store of a feed, in the order of their events.
pub(super) struct WaitingAnswers(mpsc::Sender<WaitingAnswer>);

enum WaitingAnswer {
    /// The answer to an event, and its number if the client asked for an acknowledgement.
    Published(Option<i64>, Acknowledgement),
    /// Told when everything before it was answered.
    Marker(oneshot::Sender<()>),
}

impl ClientAnswers {
    /// Sends an event to the client.
    pub(super) fn emit(&self, data: Value) -> Option<()> {
        let window = self.window_with_room()?;
        check(&self.sender.event(window, data))
    }

    /// Acknowledges an event of the client.
    pub(super) fn acknowledge(&self, event: i64, data: Value) -> Option<()> {
        let window = self.window_with_room()?;
        check(&self.sender.acknowledge(window, event, data))
    }

    /// Counts what came of publishing, and acknowledges the event if the client asked for that.
    pub(super) fn acknowledge_published(
        &self,
        event: Option<i64>,
        published: Result<Published, Rejected>,
    ) -> Option<()> {
        self.server.metrics.publishing.offered(&published);
        let Some(event) = event else { return Some(()) };
        let answer = match published {
            Ok(published) => framing::published(&published),
            Err(Rejected { status, error, hint }) => {
                framing::refused(&error, hint, status.as_u16())
            }
        };
        self.acknowledge(event, Value::Str(answer, None))
    }

    fn window_with_room(&self) -> Option<&SendWindow> {
        let window = &self.session.window;
        window.has_room_for_answers().then_some(window)
    }
}

impl WaitingAnswers {
    /// Starts to answer, in a task of the server, until the client leaves the namespace.
    pub(super) fn start(answers: ClientAnswers, gone: CancellationToken) -> Self {
        let (sender, mut waiting) = mpsc::channel(MAX_WAITING);
        let server = Arc::clone(&answers.server);
        server.spawn(async move {
            let answering = async {
                while let Some(next) = waiting.recv().await {
                    let (event, published) = match next {
                        WaitingAnswer::Published(event, published) => (event, published),
                        WaitingAnswer::Marker(reached) => {
                            // Whoever waited may have been dropped.
                            let _ = reached.send(());
                            continue;
                        }
                    };
                    if answers.acknowledge_published(event, published.await).is_none() {
                        answers.session.close(SessionCloseReason::Protocol).await;
                        return;
                    }
                }
            };
            gone.run_until_cancelled(answering).await;
        });
        Self(sender)
    }

    /// Returns true if no further answer may wait.
    pub(super) fn is_full(&self) -> bool {
        self.0.capacity() == 0
    }

    /// Answers an event after those that wait already. A client that is gone misses nothing.
    pub(super) fn push(&self, event: Option<i64>, published: Acknowledgement) -> Option<()> {
        match self.0.try_send(WaitingAnswer::Published(event, published)) {
            Ok(()) | Err(TrySendError::Closed(_)) => Some(()),
            Err(TrySendError::Full(_)) => None,
        }
    }

    /// Waits until what waits now was answered, or the client is gone.
    pub(super) async fn answered(&self) {
        let (marker, reached) = oneshot::channel();
        if self.0.send(WaitingAnswer::Marker(marker)).await.is_ok() {
            // An error says that the client is gone.
            let _ = reached.await;
        }
    }
}

/// Returns `None` if an answer found no room. A client that is gone misses nothing.
fn check(sent: &Result<(), SocketError>) -> Option<()> {
    match sent {
        Ok(()) | Err(SocketError::Closed) => Some(()),
        Err(SocketError::InternalChannelFull) => None,
    }
}
