//! When the faults of a run happened, for the charts over its seconds.

use std::time::Duration;

use serde::Serialize;
use wirebench_scenario::{OutageOf, parse_duration};

use crate::row::Row;

/// The most cuts that a chart shows. More would hide what is measured.
const MOST_CUTS: u32 = 60;

/// A fault of a run, in seconds from the opening of the window.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct FaultTime {
    from_s: f64,
    /// When it is over; null if it is an instant.
    to_s: Option<f64>,
    what: String,
}

/// Returns when the faults of a run happened, by the keys in its column `faults`. Stalled readers and
/// proxies are there all the time, so they have no time of their own.
pub(super) fn fault_times(row: &Row) -> Vec<FaultTime> {
    let Some(faults) = row.text("faults") else { return Vec::new() };
    let word = |key: &str| {
        let pairs = faults.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == key).map(|(_, value)| value).next()
    };
    let time = |key: &str| word(key).and_then(parse_duration);
    let window = row.number("duration_s").unwrap_or(0.0);
    let mut times = Vec::new();
    if let Some(every) = time("cut-every").filter(|every| !every.is_zero()) {
        let cuts = (1..=MOST_CUTS).map(|cut| every * cut);
        let within = cuts.take_while(|at| at.as_secs_f64() < window);
        times.extend(within.map(|at| instant(at, "connections cut")));
    }
    if let Some(after) = time("avalanche-after") {
        times.push(instant(after, "all connections cut"));
    }
    for (key, name) in [(OutageOf::Server, "server"), (OutageOf::Backbone, "NATS")] {
        let key = key.key();
        let (after, down) = (time(&format!("{key}-after")), time(&format!("{key}-down")));
        if let (Some(fault), Some(after), Some(down)) = (word(key), after, down) {
            let what = match fault {
                "stop" => "stopped",
                "kill" => "killed",
                "freeze" => "frozen",
                other => other,
            };
            let to_s = Some((after + down).as_secs_f64());
            times.push(FaultTime { to_s, ..instant(after, &format!("{name} {what}")) });
        }
    }
    times
}

fn instant(at: Duration, what: &str) -> FaultTime {
    FaultTime { from_s: at.as_secs_f64(), to_s: None, what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, measurement, record, run};
    use crate::value::Value;

    fn times(faults: &str) -> Vec<(f64, Option<f64>, String)> {
        let row = Row::of(&record(&run(), &measurement()));
        let values = [("faults", Value::words(faults)), ("duration_s", Value::exact(10.0))];
        let times = fault_times(&changed(&row, &values)).into_iter();
        times.map(|time| (time.from_s, time.to_s, time.what)).collect()
    }

    #[test]
    fn cuts_end_with_the_window_and_an_outage_lasts() {
        let cuts = times("cut-every=4s cut-share=0.5");
        let cut = |at| (at, None, "connections cut".to_owned());
        assert_eq!(cuts, [cut(4.0), cut(8.0)]);
        let outage = times("server=kill server-after=3s server-down=1500ms");
        assert_eq!(outage, [(3.0, Some(4.5), "server killed".to_owned())]);
        let nats = times("backbone=freeze backbone-after=1s backbone-down=2s");
        assert_eq!(nats, [(1.0, Some(3.0), "NATS frozen".to_owned())]);
        let avalanche = times("avalanche-after=2s");
        assert_eq!(avalanche, [(2.0, None, "all connections cut".to_owned())]);
    }

    #[test]
    fn what_lasts_for_the_whole_run_and_what_nobody_knows_has_no_time() {
        assert_eq!(times("stalled-share=0.1 proxy=buffering"), []);
        assert_eq!(times("server=kill server-after=soon server-down=1s"), []);
        assert_eq!(times(""), []);
    }
}
