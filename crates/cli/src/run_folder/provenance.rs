//! `machine.json`: the machine, the program and the settings that the numbers come from.

use std::collections::BTreeMap;

use serde::Serialize;
use wirebench_scenario::Scenario;

use super::recorded_target::RecordedTarget;
use super::request::RunFolderRequest;
use crate::databases::SkippedRuns;
use crate::machine::{self, Machine};

/// The content of `machine.json`.
#[derive(Debug, Serialize)]
pub(super) struct Provenance<'a> {
    #[serde(flatten)]
    machine: Machine,
    wirebench: &'static str,
    commit: Option<&'static str>,
    /// The cargo profile that this program was built with: `release`, `dist` or `dev`.
    profile: &'static str,
    /// The memory allocator of this program, which is that of both ends.
    allocator: &'static str,
    /// When the first run began, RFC 3339.
    started: String,
    seed: u64,
    loadgen_workers: usize,
    server_workers: usize,
    tags: BTreeMap<&'a str, &'a str>,
    /// The servers that were measured in place of wirebench's own. Empty: its own.
    targets: &'a [RecordedTarget],
    /// Runs that were skipped, and why. Empty if all were made.
    skipped: Vec<String>,
    settings: RecordedSettings,
}

/// Settings that are the same for every transport, and the lists of those that vary.
#[derive(Debug, Serialize)]
pub(super) struct RecordedSettings {
    tcp_nodelay: bool,
    compression: bool,
    http_version: Vec<u8>,
    tls: Vec<bool>,
    /// Where the feeds were kept.
    store: Vec<&'static str>,
    connections: Vec<&'static str>,
    /// The reconnect policies, as in the column `reconnect`.
    reconnect: Vec<String>,
}

impl<'a> Provenance<'a> {
    /// Collects what is known before the first run. `now` is when the runs begin.
    pub(super) fn of(
        scenario: &Scenario,
        request: &RunFolderRequest<'a>,
        skipped: &[SkippedRuns],
        now: &jiff::Timestamp,
    ) -> Self {
        Self {
            machine: Machine::inspect(),
            wirebench: env!("CARGO_PKG_VERSION"),
            commit: option_env!("WIREBENCH_COMMIT"),
            profile: env!("WIREBENCH_PROFILE"),
            allocator: machine::ALLOCATOR,
            started: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            seed: request.seed,
            loadgen_workers: request.workers,
            server_workers: request.server_workers,
            tags: request.tags.iter().map(|(key, value)| (&**key, &**value)).collect(),
            targets: request.targets,
            skipped: skipped.iter().map(ToString::to_string).collect(),
            settings: RecordedSettings {
                tcp_nodelay: true,
                compression: false,
                http_version: scenario.http.version.clone(),
                tls: scenario.http.tls.clone(),
                store: scenario.server.store.iter().map(|store| store.name()).collect(),
                connections: scenario
                    .crowd
                    .connections
                    .iter()
                    .map(|connections| connections.name())
                    .collect(),
                reconnect: scenario
                    .reconnect
                    .combinations()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            },
        }
    }
}
