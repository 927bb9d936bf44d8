//! The options about what a run shows while it goes on.

use std::net::SocketAddr;

use clap::Args;

use super::display::Manner;

/// What a run shows while it goes on, and to whom.
#[derive(Args, Debug)]
pub(super) struct ProgressArguments {
    /// Print only the table, without progress
    #[arg(long, short)]
    pub(super) quiet: bool,
    /// Show progress as lines, as in a pipe, also on a terminal
    #[arg(long, conflicts_with = "quiet")]
    plain: bool,
    /// Serve what is measured to Prometheus meanwhile, at `http://ADDRESS/metrics`
    #[arg(long, value_name = "ADDRESS")]
    pub(super) metrics: Option<SocketAddr>,
}

impl ProgressArguments {
    /// Returns how progress is to be shown.
    pub(super) fn manner(&self) -> Manner {
        match (self.quiet, self.plain) {
            (true, _) => Manner::Quiet,
            (false, true) => Manner::Plain,
            (false, false) => Manner::Live,
        }
    }
}
