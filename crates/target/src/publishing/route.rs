//! How a message gets to the server.

use std::convert::Infallible;

use wirebench_protocol::Epoch;
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::PublishTable;

use super::command_route::CommandRoute;
use super::http_route::HttpRoute;
use super::message::{OF_MESSAGE, OutgoingMessage, PublishOutcome};
use super::socket_route::SocketRoute;
use crate::failure::TargetFailure;
use crate::values::PlaceholderValues;

/// A way to publish.
#[derive(Debug)]
pub(crate) enum PublishRoute {
    Http(Box<HttpRoute>),
    Socket(Box<SocketRoute>),
    Command(Box<CommandRoute>),
}

impl PublishRoute {
    /// Returns the way that the target file describes. Starts its command, if it has one.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, the host has no address, the socket cannot be opened, or the
    /// command cannot be started.
    pub(crate) async fn open(
        file: &TargetFile,
        run: Epoch,
        port: Option<u16>,
    ) -> Result<Self, TargetFailure> {
        let table = &file.publish;
        if !table.command.0.is_empty() {
            return Ok(Self::Command(Box::new(CommandRoute::start(file, port)?)));
        }
        let values = values(table, run, port);
        if is_socket(table, &values) {
            Ok(Self::Socket(Box::new(SocketRoute::of(table, values).await?)))
        } else {
            Ok(Self::Http(Box::new(HttpRoute::of(table, values).await?)))
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
            Self::Socket(route) => route.publish(message).await,
            Self::Command(route) => Ok(route.publish(message).await),
        }
    }

    /// Answers heartbeats between two messages. Never ends.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(super) async fn attend(&mut self) -> Infallible {
        match self {
            Self::Socket(route) => route.attend().await,
            Self::Http(_) | Self::Command(_) => std::future::pending().await,
        }
    }

    /// Ends the command or closes the socket, if there is one.
    pub(super) async fn close(self) {
        match self {
            Self::Http(_) => {}
            Self::Socket(route) => route.close().await,
            Self::Command(route) => route.close().await,
        }
    }
}

/// Returns the values of the placeholders that are not about a single message.
fn values(table: &PublishTable, run: Epoch, port: Option<u16>) -> PlaceholderValues {
    let headers = table.headers.0.iter().map(|(_, value)| value);
    let sent = table.handshake.sent().map(|(_, text)| text);
    let templates = [&table.url, &table.body, &table.pong].into_iter().chain(headers).chain(sent);
    let values = PlaceholderValues::of_environment(templates);
    let values = values.with("run", format!("{:016x}", run.0));
    match port {
        Some(port) => values.with("port", port.to_string()),
        None => values,
    }
}

/// Returns true if the URL is that of a WebSocket. Its scheme may be in the environment.
fn is_socket(table: &PublishTable, values: &PlaceholderValues) -> bool {
    // The place of a message may be in the URL of a request.
    let url = values.fill_with(&table.url, &|name| OF_MESSAGE.contains(&name).then(|| "1".into()));
    url.is_ok_and(|url| url.starts_with("ws:") || url.starts_with("wss:"))
}
