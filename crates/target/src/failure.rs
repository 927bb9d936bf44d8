//! Why a target cannot be measured.

use std::io;
use std::time::Duration;

use wirebench_loadgen::TargetError;
use wirebench_protocol::publishing::PayloadError;
use wirebench_scenario::target::UnknownPlaceholder;

/// Why a target cannot be started, published to or measured.
#[derive(Debug, thiserror::Error)]
pub enum TargetFailure {
    /// A placeholder has no value.
    #[error(transparent)]
    Placeholder(#[from] UnknownPlaceholder),
    /// The system has no free port, or no temporary folder.
    #[error("cannot prepare the start of the server: {0}")]
    Prepare(#[source] io::Error),
    /// A program cannot be started.
    #[error("cannot start `{command}`: is `{program}` installed, and in the search path?")]
    Start {
        /// The program and its arguments.
        command: String,
        /// The program.
        program: String,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The server ended, although nobody asked it to.
    #[error("`{command}` ended{during}: {how}{output}")]
    Ended {
        /// The program and its arguments.
        command: String,
        /// When it ended, with a space before it. May be empty.
        during: &'static str,
        /// How it ended.
        how: String,
        /// Its last lines of output, on lines of their own.
        output: String,
    },
    /// The server was not ready in time.
    #[error(
        "`{command}` was not ready within {} s: waited {waited_for}{output}", .within.as_secs_f64()
    )]
    NotReady {
        /// The program and its arguments.
        command: String,
        /// How long it had.
        within: Duration,
        /// What would have shown that it is ready.
        waited_for: String,
        /// Its last lines of output, on lines of their own.
        output: String,
    },
    /// There is no such process, or more than one.
    #[error("{asked}: {found}")]
    Process {
        /// The key of the target file and its value.
        asked: String,
        /// What was found.
        found: String,
    },
    /// A URL cannot be used.
    #[error("`{key}` is `{url}`")]
    Url {
        /// The key of the target file.
        key: &'static str,
        /// The URL, without secrets.
        url: String,
        /// What is wrong with it.
        #[source]
        source: TargetError,
    },
    /// The payloads of the scenario cannot be published.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// A request to publish is not valid HTTP.
    #[error("cannot publish: `{text}` is no valid {what}")]
    Request {
        /// What the text should be.
        what: &'static str,
        /// The text, without secrets.
        text: String,
    },
    /// A message was not accepted.
    #[error("cannot publish: {0}")]
    NotAccepted(String),
    /// The system has no thread for the publisher, or the thread is gone.
    #[error("the publisher could not be started: {0}")]
    Publisher(#[source] io::Error),
    /// The faults of the run ask for something that cannot be done to this server.
    #[error(
        "the server cannot be stopped, killed or frozen: only one that `process.command` starts can"
    )]
    NotStarted,
}
