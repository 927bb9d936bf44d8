//! A comparison for programs.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Map;

use super::words;
use crate::columns::SCHEMA_VERSION;
use crate::compare::comparison::{ComparedSetting, Comparison, UnpairedSetting};
use crate::compare::differences::Difference;
use crate::compare::verdict::{Change, Doubt, Estimate};
use crate::settings::TransportSetting;
use crate::value::{json_number, to_six_places};

pub(super) fn json(comparison: &Comparison) -> String {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        noise_threshold: comparison.noise_threshold,
        regressed: comparison.regressed(),
        complete: comparison.is_complete(),
        headline: words::headline(comparison),
        advice: words::advice(comparison),
        base: &comparison.base,
        new: &comparison.new,
        contrast: comparison.contrast.as_ref().map(|contrast| ContrastJson {
            setting: contrast.column.name,
            base: &contrast.base,
            new: &contrast.new,
        }),
        settings: comparison.settings.iter().map(setting).collect(),
        unpaired: comparison.unpaired.iter().map(unpaired).collect(),
        left_out: comparison
            .left_out
            .iter()
            .map(|run| RunAndReason { side: run.side, run_id: &run.run_id, reason: &run.reason })
            .collect(),
        disturbed: comparison
            .disturbed
            .iter()
            .map(|run| RunAndReason { side: run.side, run_id: &run.run_id, reason: &run.reason })
            .collect(),
        differences: comparison.differences.iter().map(difference).collect(),
    };
    serde_json::to_string_pretty(&document).expect("text, numbers and lists are JSON") + "\n"
}

/// The fields are those of [`Comparison`]. Numbers are in the units of the columns.
#[derive(Serialize)]
struct Document<'a> {
    schema_version: u64,
    noise_threshold: f64,
    regressed: bool,
    complete: bool,
    /// The verdict in words, including what could not be decided.
    headline: String,
    /// How many runs to make; `null` if more runs would not decide anything.
    advice: Option<String>,
    base: &'a [PathBuf],
    new: &'a [PathBuf],
    #[serde(skip_serializing_if = "Option::is_none")]
    contrast: Option<ContrastJson<'a>>,
    settings: Vec<SettingJson<'a>>,
    unpaired: Vec<UnpairedJson<'a>>,
    left_out: Vec<RunAndReason<'a>>,
    disturbed: Vec<RunAndReason<'a>>,
    differences: Vec<DifferenceJson<'a>>,
}

/// The two values of a setting whose runs were compared in pairs.
#[derive(Serialize)]
struct ContrastJson<'a> {
    setting: &'static str,
    base: &'a str,
    new: &'a str,
}

#[derive(Serialize)]
struct SettingJson<'a> {
    transport: &'a str,
    setting: Map<String, serde_json::Value>,
    base_runs: usize,
    new_runs: usize,
    changes: Vec<ChangeJson>,
}

#[derive(Serialize)]
struct ChangeJson {
    metric: &'static str,
    unit: &'static str,
    better: &'static str,
    base: Option<serde_json::Value>,
    new: Option<serde_json::Value>,
    absolute: Option<EstimateJson>,
    relative: Option<EstimateJson>,
    verdict: &'static str,
    reason: Option<&'static str>,
    more_runs: Option<usize>,
}

#[derive(Serialize)]
struct EstimateJson {
    change: serde_json::Value,
    low: Option<serde_json::Value>,
    high: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct UnpairedJson<'a> {
    transport: &'a str,
    setting: Map<String, serde_json::Value>,
    base_valid: usize,
    base_invalid: usize,
    new_valid: usize,
    new_invalid: usize,
}

/// A run that was left out or disturbed, and the reason.
#[derive(Serialize)]
struct RunAndReason<'a> {
    side: &'static str,
    run_id: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    about: &'static str,
    field: &'a str,
    base: &'a [String],
    new: &'a [String],
}

fn setting(compared: &ComparedSetting) -> SettingJson<'_> {
    SettingJson {
        transport: &compared.setting.transport,
        setting: values(&compared.setting),
        base_runs: compared.base_runs,
        new_runs: compared.new_runs,
        changes: compared.changes.iter().map(change).collect(),
    }
}

fn values(setting: &TransportSetting) -> Map<String, serde_json::Value> {
    let values = setting.values.iter();
    values.map(|(column, value)| (column.name.to_owned(), value.to_json())).collect()
}

fn change(change: &Change) -> ChangeJson {
    let doubt = change.verdict.doubt();
    ChangeJson {
        metric: change.column.name,
        unit: change.column.unit,
        better: change.column.better.name(),
        base: change.base.map(|base| json_number(to_six_places(base))),
        new: change.new.map(|new| json_number(to_six_places(new))),
        absolute: change.absolute.map(estimate),
        relative: change.relative.map(estimate),
        verdict: change.verdict.name(),
        reason: doubt.map(Doubt::name),
        more_runs: doubt.and_then(Doubt::more_runs),
    }
}

fn estimate(estimate: Estimate) -> EstimateJson {
    EstimateJson {
        change: json_number(to_six_places(estimate.change)),
        low: estimate.interval.map(|(low, _)| json_number(to_six_places(low))),
        high: estimate.interval.map(|(_, high)| json_number(to_six_places(high))),
    }
}

fn unpaired(unpaired: &UnpairedSetting) -> UnpairedJson<'_> {
    let ([base_valid, base_invalid], [new_valid, new_invalid]) =
        (unpaired.base_runs, unpaired.new_runs);
    UnpairedJson {
        transport: &unpaired.setting.transport,
        setting: values(&unpaired.setting),
        base_valid,
        base_invalid,
        new_valid,
        new_invalid,
    }
}

fn difference(difference: &Difference) -> DifferenceJson<'_> {
    DifferenceJson {
        about: difference.about.name(),
        field: &difference.field,
        base: &difference.base,
        new: &difference.new,
    }
}
