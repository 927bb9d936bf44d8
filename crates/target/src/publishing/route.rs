//! How a message gets to the server.

use wirebench_protocol::Epoch;
use wirebench_scenario::TargetFile;

use super::command_route::CommandRoute;
use super::http_route::HttpRoute;
use super::message::{OutgoingMessage, PublishOutcome};
use crate::failure::TargetFailure;

/// A way to publish.
#[derive(Debug)]
pub(crate) enum PublishRoute {
    Http(Box<HttpRoute>),
    Command(Box<CommandRoute>),
}

impl PublishRoute {
    /// Returns the way that the target file describes. Starts its command, if it has one.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, the host has no address, or the command cannot be started.
    pub(crate) async fn open(
        file: &TargetFile,
        run: Epoch,
        port: Option<u16>,
    ) -> Result<Self, TargetFailure> {
        if file.publish.command.0.is_empty() {
            Ok(Self::Http(Box::new(HttpRoute::of(&file.publish, run, port).await?)))
        } else {
            Ok(Self::Command(Box::new(CommandRoute::start(file, port)?)))
        }
    }

    /// Publishes a message.
    ///
    /// # Errors
    ///
    /// The message cannot be written as the target file says.
    pub(super) async fn publish(
        &mut self,
        message: &OutgoingMessage,
    ) -> Result<PublishOutcome, TargetFailure> {
        match self {
            Self::Http(route) => route.publish(message).await,
            Self::Command(route) => Ok(route.publish(message).await),
        }
    }

    /// Ends the command, if there is one.
    pub(super) async fn close(self) {
        match self {
            Self::Http(_) => {}
            Self::Command(route) => route.close().await,
        }
    }
}
