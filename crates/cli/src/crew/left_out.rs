//! Agents in a program that was built without them.

#![expect(clippy::unused_async, reason = "as with agents")]

use std::num::NonZero;
use std::sync::Arc;

use anyhow::bail;
use wirebench_loadgen::CrowdPart;
use wirebench_scenario::{Run, Scenario};

use super::{CrewArguments, CrewServer};

/// No value of this exists.
#[derive(Debug)]
pub(crate) enum Crew {}

impl Crew {
    /// Fails if agents are asked for.
    pub(crate) async fn start(
        arguments: &CrewArguments,
        _workers: Option<NonZero<usize>>,
    ) -> anyhow::Result<Option<Self>> {
        if !arguments.is_wanted() {
            return Ok(None);
        }
        bail!(
            "this program was built without NATS, over which agents meet: `cargo install --path \
             crates/cli --features nats` builds it in"
        )
    }

    pub(crate) fn description(&self) -> String {
        match *self {}
    }

    pub(crate) fn check(&self, _scenarios: &[Scenario]) -> anyhow::Result<()> {
        match *self {}
    }

    pub(crate) async fn parts(
        &self,
        _scenario: &Scenario,
        _seed: u64,
        _run: &Run,
        _server: CrewServer,
    ) -> anyhow::Result<Vec<Arc<dyn CrowdPart>>> {
        match *self {}
    }

    pub(crate) async fn release(self) {
        match self {}
    }
}
