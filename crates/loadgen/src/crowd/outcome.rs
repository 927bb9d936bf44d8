//! The measurement that the phases of a run add up to.

use wirebench_measure::{
    FaultOutcome, Invalid, LoadgenCost, Measurement, Recorder, ServerCost, Traffic,
};
use wirebench_scenario::Run;

use super::context::RunContext;
use super::deliveries::Deliveries;
use super::parts::Crowd;
use super::timeline::server_cpu;
use super::window::MeasuredWindow;
use crate::server_control::ServerUsage;

/// What the server used before and after the crowd was there.
pub(super) struct ServerUsages<'a> {
    pub(super) idle: &'a ServerUsage,
    pub(super) last: &'a ServerUsage,
    pub(super) rss_per_subscriber_bytes: Option<u64>,
}

/// Combines what the phases measured, and judges whether it can be used.
pub(super) fn measurement(
    context: &RunContext<'_>,
    crowd: &mut Crowd,
    measured: MeasuredWindow,
    deliveries: Deliveries,
    usages: &ServerUsages<'_>,
) -> Measurement {
    let seen = std::mem::take(&mut crowd.seen);
    let loadgen_cpu = measured.closing.loadgen_cpu.saturating_sub(measured.opening.loadgen_cpu);
    let readings = crowd.readings();
    let watched = context.run.is_watched();
    let mut measurement = Measurement {
        duration: measured.window.length(),
        published: Some(deliveries.published).filter(|_| !watched),
        watched,
        addressed: deliveries.addressed,
        subscribed: measured.subscribed,
        all_connected: crowd.all_connected(context.run.subscribers as u64),
        traffic: traffic(crowd, &measured),
        server: server_cost(&measured, usages),
        server_cpu_floor: None,
        store: measured.totals.store,
        publishing: measured.totals.publishing,
        loadgen: LoadgenCost {
            cpu: loadgen_cpu,
            workers: readings.workers,
            rss_peak_bytes: readings.rss_peak_bytes,
        },
        faults: fault_outcome(context.run, &seen, deliveries),
        missed_without_cursor: context.run.forgets_its_cursor().then_some(deliveries.missed),
        seen,
        clock_bound: crowd.members().clock_bound(),
        other_load: measured.other_load,
        agents: crowd.agents(),
        invalid: Vec::new(),
    };
    measurement.invalid = measurement.judge(context.run.subscribers as u64);
    if measured.interrupted && crowd.members().first_lost().is_none() {
        measurement.invalid.push(Invalid::Interrupted);
    }
    measurement
}

fn traffic(crowd: &Crowd, measured: &MeasuredWindow) -> Traffic {
    let (counts, status) = (crowd.readings().counts, crowd.status());
    let MeasuredWindow { opening, closing, .. } = measured;
    Traffic {
        attempted: counts.attempted,
        opened: counts.opened,
        peak: counts.peak,
        reconnects: status.reconnects,
        bytes_up: closing.bytes_up - opening.bytes_up,
        bytes_down: closing.bytes_down - opening.bytes_down,
    }
}

/// Returns what the run cost the server, or `None` if the server did not say.
fn server_cost(measured: &MeasuredWindow, usages: &ServerUsages<'_>) -> Option<ServerCost> {
    let MeasuredWindow { opening, closing, .. } = measured;
    Some(ServerCost {
        cpu: server_cpu(opening.usage.as_ref()?, closing.usage.as_ref()?)?,
        rss_idle_bytes: usages.idle.rss_bytes?,
        rss_peak_bytes: usages.last.rss_peak_bytes?,
        rss_per_subscriber_bytes: usages.rss_per_subscriber_bytes,
        late_publishes: measured.late_publishes,
    })
}

fn fault_outcome(run: &Run, seen: &Recorder, deliveries: Deliveries) -> Option<FaultOutcome> {
    (!run.faults.is_none()).then(|| FaultOutcome {
        wanted: run.subscribers as u64,
        missed: deliveries.missed,
        back_99: seen.reconnects.back_99(deliveries.still_away),
        reconnects_peak_per_s: seen.reconnects.peak_per_second(),
    })
}
