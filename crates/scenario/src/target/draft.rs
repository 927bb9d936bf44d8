//! A draft of a target: what could be read of each table, each value with its place.

use std::path::Path;

use super::TargetFile;
use super::about::TargetAboutDraft;
use super::long_polling::TargetLongPollingDraft;
use super::process::ProcessDraft;
use super::publish::PublishDraft;
use super::short_polling::TargetShortPollingDraft;
use super::socket_io::TargetSocketIoDraft;
use super::sse::TargetSseDraft;
use super::websocket::TargetWebSocketDraft;
use crate::values::field::FieldReader;

/// The drafts of all tables.
pub(super) struct TargetDraft {
    pub(super) about: TargetAboutDraft,
    pub(super) process: ProcessDraft,
    pub(super) publish: PublishDraft,
    pub(super) short_polling: TargetShortPollingDraft,
    pub(super) long_polling: TargetLongPollingDraft,
    pub(super) sse: TargetSseDraft,
    pub(super) websocket: TargetWebSocketDraft,
    pub(super) socket_io: TargetSocketIoDraft,
}

impl TargetDraft {
    pub(super) fn read(reader: &mut FieldReader<'_, '_>) -> Self {
        Self {
            about: TargetAboutDraft::read(reader),
            process: ProcessDraft::read(reader),
            publish: PublishDraft::read(reader),
            short_polling: TargetShortPollingDraft::read(reader),
            long_polling: TargetLongPollingDraft::read(reader),
            sse: TargetSseDraft::read(reader),
            websocket: TargetWebSocketDraft::read(reader),
            socket_io: TargetSocketIoDraft::read(reader),
        }
    }

    /// Returns the target, or `None` if a value is missing.
    pub(super) fn build(self, file_name: &str, folder: &Path) -> Option<TargetFile> {
        let mut about = self.about.build()?;
        if about.name.is_empty() {
            file_name.clone_into(&mut about.name);
        }
        let folder =
            if about.here.is_empty() { folder.to_owned() } else { folder.join(&about.here) };
        Some(TargetFile {
            about,
            process: self.process.build()?,
            publish: self.publish.build()?,
            short_polling: self.short_polling.build()?,
            long_polling: self.long_polling.build()?,
            sse: self.sse.build()?,
            websocket: self.websocket.build()?,
            socket_io: self.socket_io.build()?,
            folder,
        })
    }
}
