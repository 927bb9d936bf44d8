//! Builds the page: fills the template with the assets, plotly.js and the data.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::data::{Folder, PageData, View};
use crate::compare::Comparison;

const TEMPLATE: &str = include_str!("../../assets/report.html");
/// Draws the charts. `assets/plotly/README.md` says which version it is and where it comes from.
pub(super) const PLOTLY: &str = include_str!("../../assets/plotly/plotly-basic.min.js");
const STYLE: &str = include_str!("../../assets/report.css");
/// In an order in which no file needs a later one before the page is drawn.
const SCRIPT: &str = concat!(
    include_str!("../../assets/numbers.js"),
    include_str!("../../assets/lines.js"),
    include_str!("../../assets/tables.js"),
    include_str!("../../assets/charts.js"),
    include_str!("../../assets/report.js"),
);

pub(super) fn page(view: View, folders: &[Folder<'_>], comparison: Option<&Comparison>) -> String {
    let data = PageData::new(view, folders, comparison);
    let data = serde_json::to_string(&data).expect("text, numbers and lists are JSON");
    let scenario = folders.first().map_or("", |folder| folder.scenario);
    filled(|marker| match marker {
        "title" => escaped(scenario),
        "plotly" => PLOTLY.to_owned(),
        "plotly hash" => PLOTLY_HASH.clone(),
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

static PLOTLY_HASH: LazyLock<String> = LazyLock::new(|| hash(PLOTLY));
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hash(SCRIPT));

/// Returns the hash with which a content security policy allows a script to run.
fn hash(script: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(script)))
}
