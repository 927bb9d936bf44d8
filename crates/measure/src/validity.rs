//! When a run is invalid.

use std::time::Duration;

use crate::agent::AgentMeasurement;
use crate::invalid::Invalid;
use crate::latency::Latency;
use crate::measurement::Measurement;
use crate::probe_record::ProbeRecord;
use crate::recorder::Recorder;
use crate::upstream::UpstreamRecord;

/// Above this share of its workers' time, the load generator's own queueing shows in the delays.
///
/// k6 and Artillery warn from 80 %. Processor time sampled over a short window is accurate to a few
/// percent, so the limit is high enough that noise does not exceed it from 80 %.
const GENERATOR_BUSY_RATIO: f64 = 0.85;

/// Above this p99 of its own lag, the load generator alone may explain a delivery p99.
///
/// The lag of an idle event loop is the granularity of its timer, 1 to 2 ms. 50 ms is the round
/// trip of the default link (25 ms each way): beyond it, the lag outweighs what is measured.
const GENERATOR_LATE_P99: Duration = Duration::from_millis(50);

impl Measurement {
    /// Returns why the numbers must not be used, given how many subscribers were `wanted`. Empty if
    /// the run is valid. An interruption is not judged here, because only the caller knows of it.
    ///
    /// Missing messages make a run invalid even if the server announced them as gaps, because the
    /// delays of messages that arrived say nothing about those that did not. In a run with faults,
    /// missing messages are what is measured: there only messages missed silently make it invalid,
    /// and too few subscribers do not. Where subscribers poll without a cursor, missing messages are
    /// what is measured as well, and all of them are missed silently: none of them makes the run
    /// invalid. The same holds with faults for a target server, to which the load
    /// generator publishes: most servers announce no gap, and their losses are what is measured.
    #[must_use]
    pub fn judge(&self, wanted: u64) -> Vec<Invalid> {
        let Self { subscribed, seen, .. } = self;
        let (subscribed, received) = (*subscribed, seen.received);
        let short = (subscribed < wanted && self.faults.is_none())
            .then_some(Invalid::ConnectionsShort { subscribed, wanted });
        let forgets = self.missed_without_cursor.is_some();
        let silently = self.faults.map_or(0, |faults| faults.missed.silently);
        let is_result = forgets || self.publishing.is_some();
        let silent = self.expected().filter(|_| silently > 0 && !is_result);
        let silent = silent.map(|expected| Invalid::Silent { silently, expected });
        let damaged = (seen.damaged > 0)
            .then(|| Invalid::Damaged { damaged: seen.damaged, expected: self.expected() });
        let arrived = self.delivered() + seen.damaged;
        let lost = self.expected().and_then(|expected| match expected.checked_sub(arrived) {
            Some(0) => None,
            Some(_) if self.faults.is_some() || forgets => None,
            Some(missing) => Some(Invalid::Missing { missing, expected }),
            None => Some(Invalid::Surplus { received: arrived, expected }),
        });
        let nothing = (self.published == Some(0)).then_some(Invalid::NothingPublished);
        let silence = (self.watched && received == 0).then_some(Invalid::NothingReceived);
        let misdelivered = seen.upstream.misdelivered;
        let misdelivered = (misdelivered > 0).then_some(Invalid::Misdelivered { misdelivered });
        let failed = seen.upstream.refused + seen.upstream.unacknowledged();
        let not_acknowledged = (failed > 0 && self.faults.is_none())
            .then_some(Invalid::NotAcknowledged { failed, sent: seen.upstream.sent });
        [short, nothing, silence, silent, lost, misdelivered, damaged, not_acknowledged]
            .into_iter()
            .flatten()
            .chain(self.clocks_disagree())
            .chain(self.probe_problems())
            .chain(self.generator())
            .chain(self.agents.iter().flat_map(|agent| of_agent(agent, self.duration)))
            .collect()
    }

    /// With faults, a server that is away acknowledges no probe.
    fn probe_problems(&self) -> impl Iterator<Item = Invalid> {
        let ProbeRecord { due, acknowledged, from_the_future, .. } = self.seen.probes;
        let failed = due.saturating_sub(acknowledged);
        let is_failure = failed > 0 && self.faults.is_none();
        let failed = is_failure.then_some(Invalid::ProbesFailed { failed, due });
        let early = (from_the_future > 0).then_some(Invalid::ProbesDisagree { from_the_future });
        failed.into_iter().chain(early)
    }

    /// Returns that messages arrived before they were due, unless the clocks of the hosts are known
    /// to be no better. Nothing is known of the clock of somebody else who fills the feed.
    fn clocks_disagree(&self) -> Option<Invalid> {
        let Recorder { from_the_future, most_ahead, received, ref upstream, .. } = self.seen;
        let within = |ahead: Duration, clocks: u32| {
            !self.watched && self.clock_bound.is_some_and(|bound| ahead <= clocks * bound)
        };
        if from_the_future > 0 && !within(most_ahead, 1) {
            return Some(Invalid::ClocksDisagree { from_the_future, received });
        }
        // What a subscriber sends to another is stamped by two clocks that may both be wrong.
        let UpstreamRecord { from_the_future, most_ahead, heard: received, .. } = *upstream;
        (from_the_future > 0 && !within(most_ahead, 2))
            .then_some(Invalid::ClocksDisagree { from_the_future, received })
    }

    /// Returns what is wrong with the load generator as a whole.
    fn generator(&self) -> impl Iterator<Item = Invalid> {
        // With agents, a sum would hide the one that is in trouble: each is judged by itself.
        let alone = self.agents.is_empty();
        let busy = too_busy(self.loadgen_cpu_ratio().filter(|_| alone));
        let late = too_late(&self.seen.lag).filter(|_| alone);
        let busy = busy.map(|ratio| Invalid::GeneratorBusy { ratio });
        busy.into_iter().chain(late.map(|lag_p99| Invalid::GeneratorLate { lag_p99 }))
    }
}

/// Returns what is wrong with an agent.
fn of_agent(agent: &AgentMeasurement, window: Duration) -> impl Iterator<Item = Invalid> {
    let name = || agent.info.name.clone();
    let lost = agent.lost.clone().map(|why| Invalid::AgentLost { why });
    let busy = too_busy(agent.cpu_ratio(window));
    let busy = busy.map(|ratio| Invalid::AgentBusy { agent: name(), ratio });
    let late = too_late(&agent.seen.lag);
    let late = late.map(|lag_p99| Invalid::AgentLate { agent: name(), lag_p99 });
    lost.into_iter().chain(busy).chain(late)
}

fn too_busy(ratio: Option<f64>) -> Option<f64> {
    ratio.filter(|ratio| *ratio > GENERATOR_BUSY_RATIO)
}

/// Returns the 99th percentile of the lag if it is too high. A short run has few values: then the
/// largest of them decides.
fn too_late(lag: &Latency) -> Option<Duration> {
    lag.value_at_percentile(99.0).filter(|lag| *lag > GENERATOR_LATE_P99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_outcome::FaultOutcome;
    use crate::missed::Missed;
    use crate::publish_record::PublishRecord;
    use crate::testing::measurement;

    #[test]
    fn counts_that_the_server_did_not_report_are_not_judged() {
        let measurement = Measurement { published: None, server: None, ..measurement() };
        assert_eq!(measurement.expected(), None);
        assert_eq!(measurement.missing(), None);
        assert_eq!(measurement.server_cpu_per_message(), None);
        assert_eq!(measurement.judge(3), []);
    }

    #[test]
    fn a_message_that_was_sent_and_not_acknowledged_makes_a_run_without_faults_invalid() {
        let mut measurement = measurement();
        (measurement.seen.upstream.sent, measurement.seen.upstream.acknowledged) = (10, 7);
        measurement.seen.upstream.refused = 1;
        let reasons = measurement.judge(3);
        assert_eq!(reasons, [Invalid::NotAcknowledged { failed: 3, sent: 10 }]);
        assert_eq!(
            reasons[0].to_string(),
            "3 of 10 messages that subscribers sent were refused or not acknowledged"
        );
        measurement.faults = Some(FaultOutcome { wanted: 3, ..FaultOutcome::default() });
        assert_eq!(measurement.judge(3), [], "with faults it is what is measured");
    }

    #[test]
    fn a_message_at_somebody_it_was_not_sent_to_makes_a_run_invalid() {
        let mut measurement = measurement();
        measurement.seen.upstream.misdelivered = 2;
        let reasons = measurement.judge(3);
        assert_eq!(reasons, [Invalid::Misdelivered { misdelivered: 2 }]);
        let text = "2 deliveries of messages that were sent to others";
        assert_eq!(reasons[0].to_string(), text);
    }

    #[test]
    fn a_missing_message_makes_a_run_invalid_even_when_it_was_announced() {
        let mut measurement = measurement();
        measurement.seen.received = 28;
        measurement.seen.gap_missed = 2;
        assert_eq!(measurement.judge(3), [Invalid::Missing { missing: 2, expected: 30 }]);
    }

    #[test]
    fn with_faults_a_signalled_loss_is_measured_and_a_silent_one_is_invalid() {
        let missed = |silently| Missed { signalled: 9 - silently, silently };
        let mut measurement = measurement();
        measurement.seen.received = 21;
        measurement.faults =
            Some(FaultOutcome { wanted: 4, missed: missed(0), ..FaultOutcome::default() });
        assert_eq!(
            measurement.judge(4),
            [],
            "one of four never subscribed, nine losses were signalled"
        );
        assert_eq!(measurement.delivered_ratio(), Some(21.0 / 40.0));
        measurement.faults =
            Some(FaultOutcome { wanted: 4, missed: missed(2), ..FaultOutcome::default() });
        assert_eq!(measurement.judge(4), [Invalid::Silent { silently: 2, expected: 30 }]);
        assert_eq!(measurement.judge(4)[0].to_string(), "2 of 30 deliveries missed in silence");
        measurement.publishing = Some(PublishRecord::default());
        assert_eq!(measurement.judge(4), [], "another server announces no gap");
    }

    #[test]
    fn a_damaged_message_makes_a_run_invalid_and_is_no_message_that_never_came() {
        let mut measurement = measurement();
        (measurement.seen.received, measurement.seen.damaged) = (28, 2);
        let reasons = measurement.judge(3);
        assert_eq!(reasons, [Invalid::Damaged { damaged: 2, expected: Some(30) }]);
        assert_eq!(
            reasons[0].to_string(),
            "2 of 30 deliveries damaged: not the bytes that were sent"
        );
        assert_eq!(measurement.missing(), Some(2), "they were not received");
        measurement.seen.received = 27;
        let missing = Invalid::Missing { missing: 1, expected: 30 };
        assert_eq!(measurement.judge(3)[0], missing);
        measurement.faults = Some(FaultOutcome { wanted: 3, ..FaultOutcome::default() });
        assert_eq!(measurement.judge(3), reasons, "with faults as well");
    }

    #[test]
    fn without_a_cursor_a_silent_loss_is_measured_and_everything_else_is_judged() {
        let mut measurement = measurement();
        measurement.seen.received = 21;
        measurement.missed_without_cursor = Some(Missed { signalled: 0, silently: 9 });
        assert_eq!(measurement.judge(3), []);
        assert_eq!(measurement.delivered_ratio(), Some(0.7));
        assert_eq!(measurement.missed().map(|missed| missed.silently), Some(9));
        let short = Invalid::ConnectionsShort { subscribed: 3, wanted: 4 };
        assert_eq!(measurement.judge(4), [short]);
        measurement.seen.received = 31;
        assert_eq!(measurement.judge(3), [Invalid::Surplus { received: 31, expected: 30 }]);
    }

    #[test]
    fn a_surplus_is_not_a_negative_loss_and_is_reported() {
        let mut measurement = measurement();
        measurement.seen.received = 31;
        assert_eq!(measurement.missing(), None);
        assert_eq!(measurement.judge(3), [Invalid::Surplus { received: 31, expected: 30 }]);
    }

    #[test]
    fn a_window_without_messages_misses_nothing_and_is_invalid() {
        let mut measurement =
            Measurement { published: Some(0), seen: Recorder::new(), ..measurement() };
        assert_eq!(measurement.missing(), Some(0));
        assert_eq!(measurement.judge(3), [Invalid::NothingPublished]);
        measurement.faults = Some(FaultOutcome { wanted: 3, ..FaultOutcome::default() });
        assert_eq!(measurement.judge(3), [Invalid::NothingPublished], "with faults as well");
    }

    #[test]
    fn a_probe_that_failed_or_came_too_early_makes_a_run_invalid() {
        let mut measurement = measurement();
        let probes = &mut measurement.seen.probes;
        (probes.due, probes.acknowledged, probes.from_the_future) = (9, 7, 1);
        let early = Invalid::ProbesDisagree { from_the_future: 1 };
        let failed = Invalid::ProbesFailed { failed: 2, due: 9 };
        assert_eq!(measurement.judge(3), [failed, early.clone()]);
        measurement.faults = Some(FaultOutcome { wanted: 3, ..FaultOutcome::default() });
        assert_eq!(measurement.judge(3), [early], "with faults a server may be away");
    }

    #[test]
    fn clocks_may_disagree_by_as_much_as_they_are_known_to() {
        let ms = Duration::from_millis;
        let judged = |clock_bound, ahead, upstream_ahead, watched| {
            let mut measurement = Measurement { watched, clock_bound, ..measurement() };
            measurement.published = Some(10).filter(|_| !watched);
            (measurement.seen.from_the_future, measurement.seen.most_ahead) = (4, ms(ahead));
            let upstream = &mut measurement.seen.upstream;
            (upstream.from_the_future, upstream.most_ahead) = (1, ms(upstream_ahead));
            upstream.heard = 20;
            measurement.judge(3)
        };
        let deliveries = Invalid::ClocksDisagree { from_the_future: 4, received: 30 };
        let arrivals = Invalid::ClocksDisagree { from_the_future: 1, received: 20 };
        assert_eq!(judged(Some(ms(10)), 10, 20, false), []);
        assert_eq!(judged(Some(ms(10)), 11, 20, false), std::slice::from_ref(&deliveries));
        assert_eq!(judged(Some(ms(10)), 10, 21, false), [arrivals]);
        assert_eq!(judged(None, 0, 0, false), std::slice::from_ref(&deliveries), "one clock");
        assert_eq!(judged(Some(ms(10)), 0, 0, true), [deliveries], "somebody else's clock");
    }

    #[test]
    fn a_load_generator_that_is_short_busy_or_late_is_told_apart() {
        let mut measurement = measurement();
        measurement.loadgen.cpu = Duration::from_millis(1_800);
        measurement.seen.lag.record(Duration::from_millis(80));
        measurement.seen.from_the_future = 4;
        let reasons: Vec<String> = measurement.judge(4).iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "3 of 4 subscribers connected before the window",
                "4 of 30 deliveries arrived before they were due: the clocks disagree",
                "the load generator was 90 % busy: delays may be its own",
                "the load generator ran 80 ms late (p99): delays may be its own",
            ]
        );
    }
}
