//! A draft of a scenario: what could be read of each table, each value with its place.

use std::sync::Arc;

use crate::scenario::Scenario;
use crate::tables::agents::AgentsDraft;
use crate::tables::crowd::CrowdDraft;
use crate::tables::faults::FaultsDraft;
use crate::tables::feed::FeedDraft;
use crate::tables::http::HttpDraft;
use crate::tables::link::LinkDraft;
use crate::tables::long_polling::LongPollingDraft;
use crate::tables::push::PushDraft;
use crate::tables::reconnect::ReconnectDraft;
use crate::tables::report::ReportDraft;
use crate::tables::server::ServerDraft;
use crate::tables::short_polling::ShortPollingDraft;
use crate::tables::socket_io::SocketIoDraft;
use crate::tables::timing::TimingDraft;
use crate::tables::top::TopDraft;
use crate::tables::upstream::UpstreamDraft;
use crate::values::field::FieldReader;
use crate::{TargetFile, Threshold};

/// The drafts of all tables with declared keys.
pub(super) struct ScenarioDraft {
    pub(super) top: TopDraft,
    pub(super) feed: FeedDraft,
    pub(super) server: ServerDraft,
    pub(super) crowd: CrowdDraft,
    pub(super) timing: TimingDraft,
    pub(super) link: LinkDraft,
    pub(super) http: HttpDraft,
    pub(super) short_polling: ShortPollingDraft,
    pub(super) long_polling: LongPollingDraft,
    pub(super) push: PushDraft,
    pub(super) socket_io: SocketIoDraft,
    pub(super) upstream: UpstreamDraft,
    pub(super) reconnect: ReconnectDraft,
    pub(super) faults: FaultsDraft,
    pub(super) agents: AgentsDraft,
    pub(super) report: ReportDraft,
}

impl ScenarioDraft {
    pub(super) fn read(reader: &mut FieldReader<'_, '_>) -> Self {
        Self {
            top: TopDraft::read(reader),
            feed: FeedDraft::read(reader),
            server: ServerDraft::read(reader),
            crowd: CrowdDraft::read(reader),
            timing: TimingDraft::read(reader),
            link: LinkDraft::read(reader),
            http: HttpDraft::read(reader),
            short_polling: ShortPollingDraft::read(reader),
            long_polling: LongPollingDraft::read(reader),
            push: PushDraft::read(reader),
            socket_io: SocketIoDraft::read(reader),
            upstream: UpstreamDraft::read(reader),
            reconnect: ReconnectDraft::read(reader),
            faults: FaultsDraft::read(reader),
            agents: AgentsDraft::read(reader),
            report: ReportDraft::read(reader),
        }
    }

    /// Returns the scenario, or `None` if a value is missing. A scenario without a name gets
    /// `file_name`.
    pub(super) fn build(
        self,
        file_name: &str,
        thresholds: Vec<Threshold>,
        targets: Vec<Arc<TargetFile>>,
    ) -> Option<Scenario> {
        let mut top = self.top.build()?;
        if top.name.is_empty() {
            file_name.clone_into(&mut top.name);
        }
        Some(Scenario {
            top,
            feed: self.feed.build()?,
            server: self.server.build()?,
            crowd: self.crowd.build()?,
            timing: self.timing.build()?,
            link: self.link.build()?,
            http: self.http.build()?,
            short_polling: self.short_polling.build()?,
            long_polling: self.long_polling.build()?,
            push: self.push.build()?,
            socket_io: self.socket_io.build()?,
            upstream: self.upstream.build()?,
            reconnect: self.reconnect.build()?,
            faults: self.faults.build()?,
            agents: self.agents.build()?,
            report: self.report.build()?,
            thresholds,
            targets,
        })
    }
}
