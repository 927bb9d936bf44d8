//! The bounds that a scenario sets on its own results.

use wirebench_report::Row;
use wirebench_scenario::Threshold;

/// Returns a sentence for every bound that is not met. A bound on a value that was not measured is
/// not met, and its sentence says so.
pub(super) fn broken(thresholds: &[Threshold], rows: &[Row]) -> Vec<String> {
    let mut sentences = Vec::new();
    for row in rows {
        for threshold in thresholds {
            let transport = row.text("transport").unwrap_or_default();
            if threshold.transport.is_some_and(|only| only.name() != transport) {
                continue;
            }
            let bound = format!("{} {}", threshold.operator.symbol(), threshold.bound);
            let run = row.text("run_id").unwrap_or_default();
            let column = &threshold.column;
            match row.number(column) {
                Some(value) if threshold.operator.holds(value, threshold.bound) => {}
                Some(value) => sentences.push(format!(
                    "threshold not met: run {run}: `{column}` is {value}, expected {bound}"
                )),
                None => sentences.push(format!(
                    "threshold not met: run {run}: `{column}` was not measured, expected {bound}"
                )),
            }
        }
    }
    sentences
}
