//! A comparison for spreadsheets: a line for each setting and metric.

use csv::Writer;

use crate::columns::SCHEMA_VERSION;
use crate::compare::comparison::{ComparedSetting, Comparison};
use crate::compare::verdict::{Change, Doubt, Estimate};
use crate::value::{Value, to_six_places};

const HEADER: [&str; 19] = [
    "schema_version",
    "transport",
    "setting",
    "metric",
    "unit",
    "better",
    "base_runs",
    "new_runs",
    "base_median",
    "new_median",
    "change",
    "change_low",
    "change_high",
    "relative_change",
    "relative_low",
    "relative_high",
    "verdict",
    "reason",
    "more_runs",
];

pub(super) fn csv(comparison: &Comparison) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let lines = comparison
        .settings
        .iter()
        .flat_map(|compared| compared.changes.iter().map(move |change| line(compared, change)));
    for line in std::iter::once(HEADER.map(str::to_owned)).chain(lines) {
        writer.write_record(line).expect("memory takes every line, and all have as many fields");
    }
    let bytes = writer.into_inner().expect("memory takes what is left");
    String::from_utf8(bytes).expect("fields are text")
}

fn line(compared: &ComparedSetting, change: &Change) -> [String; 19] {
    let number = |number: Option<f64>| {
        number.map_or(Value::Blank, |n| Value::exact(to_six_places(n))).to_string()
    };
    let three = |estimate: Option<Estimate>| {
        let interval = estimate.and_then(|estimate| estimate.interval);
        [
            number(estimate.map(|estimate| estimate.change)),
            number(interval.map(|(low, _)| low)),
            number(interval.map(|(_, high)| high)),
        ]
    };
    let setting: Vec<String> = compared
        .setting
        .values
        .iter()
        .map(|(column, value)| format!("{}={value}", column.name))
        .collect();
    let doubt = change.verdict.doubt();
    let [by, low, high] = three(change.absolute);
    let [relative, relative_low, relative_high] = three(change.relative);
    [
        SCHEMA_VERSION.to_string(),
        compared.setting.transport.clone(),
        setting.join(";"),
        change.column.name.to_owned(),
        change.column.unit.to_owned(),
        change.column.better.name().to_owned(),
        compared.base_runs.to_string(),
        compared.new_runs.to_string(),
        number(change.base),
        number(change.new),
        by,
        low,
        high,
        relative,
        relative_low,
        relative_high,
        change.verdict.name().to_owned(),
        doubt.map_or("", Doubt::name).to_owned(),
        doubt.and_then(Doubt::more_runs).map_or(String::new(), |more| more.to_string()),
    ]
}
