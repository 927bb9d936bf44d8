//! A scenario as a value that cannot be wrong. The rest of the program works with it.

use std::sync::Arc;

use crate::tables::agents::AgentsTable;
use crate::tables::crowd::CrowdTable;
use crate::tables::faults::FaultsTable;
use crate::tables::feed::FeedTable;
use crate::tables::http::HttpTable;
use crate::tables::link::LinkTable;
use crate::tables::long_polling::LongPollingTable;
use crate::tables::push::PushTable;
use crate::tables::reconnect::ReconnectTable;
use crate::tables::report::ReportTable;
use crate::tables::server::ServerTable;
use crate::tables::short_polling::ShortPollingTable;
use crate::tables::socket_io::SocketIoTable;
use crate::tables::timing::Timing;
use crate::tables::top::TopTable;
use crate::tables::upstream::UpstreamTable;
use crate::{TargetFile, Threshold};

/// A question put to several transports, table by table as in the file.
///
/// Every list holds at least one value. [`Scenario::runs`] returns the product of the lists. A name
/// that the file leaves empty is the name of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The keys at the top of the file.
    pub top: TopTable,
    /// `[feed]`
    pub feed: FeedTable,
    /// `[server]`
    pub server: ServerTable,
    /// `[crowd]`
    pub crowd: CrowdTable,
    /// `[timing]`
    pub timing: Timing,
    /// `[link]`
    pub link: LinkTable,
    /// `[http]`
    pub http: HttpTable,
    /// `[short-polling]`
    pub short_polling: ShortPollingTable,
    /// `[long-polling]`
    pub long_polling: LongPollingTable,
    /// `[push]`
    pub push: PushTable,
    /// `[socket-io]`
    pub socket_io: SocketIoTable,
    /// `[upstream]`
    pub upstream: UpstreamTable,
    /// `[reconnect]`
    pub reconnect: ReconnectTable,
    /// `[faults]`
    pub faults: FaultsTable,
    /// `[agents]`
    pub agents: AgentsTable,
    /// `[report]`
    pub report: ReportTable,
    /// `[thresholds]`: first the bounds for every transport, then those for each.
    pub thresholds: Vec<Threshold>,
    /// The servers to measure, each over each transport of the scenario that it has: the files of
    /// `top.targets`, then `[target]`. The order is that in which rows are listed. Empty: our own
    /// server.
    pub targets: Vec<Arc<TargetFile>>,
}

impl Scenario {
    /// Returns the target that the scenario describes in `[target]`.
    pub(crate) fn inline_target(&self) -> Option<&TargetFile> {
        self.targets.get(self.top.targets.0.len()).map(|target| &**target)
    }
}
