//! What the client halves of all transports need at a target server.

use std::sync::Arc;
use std::time::Duration;

use wirebench_protocol::{After, Cursor};

use super::misfit::Misfit;
use super::resume::ResumeToken;
use crate::error::{SubscribeError, UnexpectedStep};
use crate::http::{ClientConnection, RequestHeaders, RequestKind};
use crate::socket_io::Connector;
use crate::target::ForeignTarget;
use crate::transport::SubscriberSettings;
use crate::transport::client::Opening;

/// How long a stream, a WebSocket or a held poll may be silent.
///
/// A server of this project sends something every few seconds, so that a shorter silence means that
/// the connection is lost. Another server may send nothing until somebody publishes, and that takes
/// as long as the ramp, the warm-up and the pauses of the publisher do. The usual clients of these
/// transports have no limit at all. This one is for a connection whose peer is gone without a word.
pub(super) const SILENCE_TIMEOUT: Duration = Duration::from_mins(10);

/// What a client half needs to start. It may keep it.
#[derive(Clone)]
pub(in crate::transport) struct ForeignOpening<'a> {
    opening: Opening<'a>,
    pub(super) foreign: &'a ForeignTarget,
    pub(super) resume: Arc<ResumeToken>,
}

impl<'a> ForeignOpening<'a> {
    /// Opens a subscription that resumes from `resume`, which is kept up to date.
    pub(in crate::transport) fn new(
        opening: Opening<'a>,
        foreign: &'a ForeignTarget,
        resume: Option<&Arc<ResumeToken>>,
    ) -> Self {
        Self { opening, foreign, resume: resume.cloned().unwrap_or_default() }
    }

    /// Returns how the subscriber behaves.
    pub(super) fn settings(&self) -> &SubscriberSettings {
        &self.opening.settings
    }

    /// Returns the path and query at which to subscribe, after `cursor` if there is one.
    pub(super) fn path(&self, cursor: Option<&str>) -> String {
        self.foreign.path(self.settings().number, cursor)
    }

    /// Returns the place of the last message that the subscriber has seen, or the one before the
    /// first message of the run.
    pub(super) fn start(&self) -> Cursor {
        let epoch = self.foreign.run();
        match self.opening.after {
            After::Cursor(cursor) if cursor.epoch == epoch => cursor,
            After::Newest | After::Start | After::Cursor(_) => Cursor { epoch, seq: 0 },
        }
    }

    /// Returns the time that the emulated link adds to a request and its answer.
    pub(super) fn round_trip(&self) -> Duration {
        self.opening.client.dialer().round_trip()
    }
}

impl Connector for ForeignOpening<'_> {
    async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        self.opening.connect().await
    }

    fn headers(&self, kind: RequestKind) -> RequestHeaders {
        let own = self.foreign.own_headers(self.settings().number);
        self.opening.headers(kind).with_all(own)
    }
}

/// Returns the error for something that is not as the target file says. `step` names what was asked.
/// A subscriber that asks again gets the same.
pub(super) fn unexpected(step: String, misfit: Misfit) -> SubscribeError {
    let Misfit { found, expected } = misfit;
    SubscribeError::Unexpected(Box::new(UnexpectedStep { step, found, expected, permanent: true }))
}

/// Returns the error for a connection that the server has closed before anything came.
pub(super) fn closed_at_once(step: String) -> SubscribeError {
    SubscribeError::Unexpected(Box::new(UnexpectedStep {
        step,
        found: "the end of the connection before anything else".to_owned(),
        expected: "a subscription that lasts".to_owned(),
        permanent: false,
    }))
}
