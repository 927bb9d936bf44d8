//! Builds the page: fills the template with the assets, plotly.js and the data.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::data::{Folder, PageData, View};
use crate::compare::Comparison;

const TEMPLATE: &str = include_str!("../../assets/report.html");
/// Draws the charts. `assets/plotly/README.md` says which version it is and where it comes from. The
/// build script has compressed it.
pub(super) const PACKED_PLOTLY: &str = include_str!(concat!(env!("OUT_DIR"), "/plotly.gz.base64"));
const STYLE: &str = include_str!("../../assets/report.css");
/// In an order in which no file needs a later one while it is loaded.
const SCRIPT: &str = concat!(
    include_str!("../../assets/scripts/numbers.js"),
    include_str!("../../assets/scripts/runs.js"),
    include_str!("../../assets/scripts/settings.js"),
    include_str!("../../assets/scripts/lines.js"),
    include_str!("../../assets/scripts/look.js"),
    include_str!("../../assets/scripts/elements.js"),
    include_str!("../../assets/scripts/plotly.js"),
    include_str!("../../assets/scripts/answer.js"),
    include_str!("../../assets/scripts/verdicts.js"),
    include_str!("../../assets/scripts/theory.js"),
    include_str!("../../assets/scripts/values.js"),
    include_str!("../../assets/scripts/machine.js"),
    include_str!("../../assets/scripts/warnings.js"),
    include_str!("../../assets/scripts/charts/axes.js"),
    include_str!("../../assets/scripts/charts/traces.js"),
    include_str!("../../assets/scripts/charts/percentiles.js"),
    include_str!("../../assets/scripts/charts/distribution.js"),
    include_str!("../../assets/scripts/charts/seconds.js"),
    include_str!("../../assets/scripts/charts/bars.js"),
    include_str!("../../assets/scripts/charts/growth.js"),
    include_str!("../../assets/scripts/state.js"),
    include_str!("../../assets/scripts/lead.js"),
    include_str!("../../assets/scripts/agents.js"),
    include_str!("../../assets/scripts/image.js"),
    include_str!("../../assets/scripts/drawing.js"),
    include_str!("../../assets/scripts/controls.js"),
    include_str!("../../assets/scripts/page.js"),
);

pub(super) fn page(
    view: View,
    folders: Vec<Folder<'_>>,
    comparison: Option<&Comparison>,
) -> String {
    let scenario = folders.first().map_or("", |folder| folder.scenario);
    let data = PageData::new(view, folders, comparison);
    let data = serde_json::to_string(&data).expect("text, numbers and lists are JSON");
    filled(|marker| match marker {
        "title" => escaped(scenario),
        "plotly" => PACKED_PLOTLY.to_owned(),
        "plotly hash" => env!("PLOTLY_HASH").to_owned(),
        "style" => STYLE.to_owned(),
        "script" => SCRIPT.to_owned(),
        "script hash" => SCRIPT_HASH.clone(),
        // Escaped, so that no text of a scenario can end the script element.
        "data" => data.replace('<', "\\u003c"),
        other => unreachable!("report.html has no marker `{other}`"),
    })
}

/// Replaces each `{{marker}}` of the template.
fn filled(value: impl Fn(&str) -> String) -> String {
    let mut page = String::new();
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        let (marker, after) = after.split_once("}}").expect("every marker of report.html ends");
        page.push_str(before);
        page.push_str(&value(marker));
        rest = after;
    }
    page + rest
}

/// Escapes text for use in markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hash(SCRIPT));

/// Returns the hash with which a content security policy allows a script to run.
fn hash(script: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(script)))
}
