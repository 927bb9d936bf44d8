//! Publishes through a command, which gets each message as a line on its standard input.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin};
use tokio::task::JoinSet;
use tokio::time::timeout;
use wirebench_scenario::TargetFile;
use wirebench_scenario::target::TemplateTable;

use super::message::{OutgoingMessage, PublishOutcome};
use crate::failure::TargetFailure;
use crate::process::{OutputTail, OwnedTree, ProgramCall, how_it_ended};
use crate::values::{PlaceholderValues, folder_of};

/// How long the command may take to read a line.
const READ_TIME: Duration = Duration::from_secs(10);

/// How long the command may take to end once its input has ended.
const END_TIME: Duration = Duration::from_secs(2);

/// A command that publishes. Dropping it kills it with all that it has started.
#[derive(Debug)]
pub(crate) struct CommandRoute {
    child: Child,
    _tree: OwnedTree,
    call: ProgramCall,
    /// `None` once the command reads no more.
    input: Option<ChildStdin>,
    output: OutputTail,
    /// The tasks that read its outputs.
    readers: JoinSet<()>,
}

impl CommandRoute {
    /// Starts the command in the folder of the target file.
    ///
    /// # Errors
    ///
    /// A placeholder has no value, or the command cannot be started.
    pub(super) fn start(file: &TargetFile, port: Option<u16>) -> Result<Self, TargetFailure> {
        let (command, here) = (&file.publish.command, folder_of(file));
        let mut values = PlaceholderValues::of_environment(command.0.iter());
        values = values.with_path("here", &here);
        if let Some(port) = port {
            values = values.with("port", port.to_string());
        }
        let call = ProgramCall::of(command, &TemplateTable::default(), &values, &here)?;
        let (mut child, tree) = call.spawn(Stdio::piped())?;
        let (output, mut readers) = (OutputTail::default(), JoinSet::new());
        if let Some(stream) = child.stdout.take() {
            readers.spawn(output.clone().read(stream, |_| ()));
        }
        if let Some(stream) = child.stderr.take() {
            readers.spawn(output.clone().read(stream, |_| ()));
        }
        let input = child.stdin.take();
        Ok(Self { child, _tree: tree, call, input, output, readers })
    }

    /// Hands a message to the command. Once the command reads no more, every message is refused,
    /// because the line under way may be incomplete.
    pub(super) async fn publish(&mut self, message: &OutgoingMessage) -> PublishOutcome {
        if let Some(mut input) = self.input.take() {
            let line = message.line();
            let written = async {
                input.write_all(line.as_bytes()).await?;
                input.flush().await
            };
            if matches!(timeout(READ_TIME, written).await, Ok(Ok(()))) {
                self.input = Some(input);
                return PublishOutcome::Handed;
            }
        }
        let how = match self.child.try_wait() {
            Ok(Some(status)) => how_it_ended(Ok(status)),
            Ok(None) | Err(_) => "it reads no more lines from its standard input".to_owned(),
        };
        PublishOutcome::Refused(format!("`{}`: {how}{}", self.call.shown, self.output.for_error()))
    }

    /// Ends its input and waits until it has published the rest. Kills it after 2 s.
    pub(super) async fn close(mut self) {
        self.input = None;
        let ended = async {
            let _ = self.child.wait().await;
            while self.readers.join_next().await.is_some() {}
        };
        let _ = timeout(END_TIME, ended).await;
    }
}
