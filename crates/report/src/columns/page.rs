//! `docs/columns.md`, generated from the lists that the files follow.

use std::fmt::Write as _;

use wirebench_scenario::Figure;

use super::agents::AGENT_COLUMNS;
use super::column::{Better, Column};
use super::runs::COLUMNS;
use super::timeline::TIMELINE_COLUMNS;

/// Returns the page: every column of `runs.csv`, `timeline.csv` and `agents.csv`, with its unit, its meaning,
/// and which way is better.
fn columns_page() -> String {
    let mut page = String::from(
        "# The columns\n\n\
         Generated from the lists in `crates/report/src/columns`; a test checks that this page is \
         up to date.\n\n\
         The files follow RFC 4180. They always have a header, decimals have a dot, and the unit \
         is the last part of a name. Empty means not measured, never 0. New columns are \
         appended.\n\n\
         A percentile is empty if the sample is too small for it: p50 takes at least 2 values, \
         p75 4, p90 10, p95 20, p99 100, p99.9 1,000 (`docs/method.md`, \"Percentiles of few \
         values\").\n",
    );
    table(&mut page, "runs.csv: a row for each run", COLUMNS);
    table(&mut page, "timeline.csv: a row for each second of a run", TIMELINE_COLUMNS);
    table(&mut page, "agents.csv: a row for each agent of a run, if it had any", AGENT_COLUMNS);
    page.push_str(
        "\n## The figures of `[report] focus`\n\n\
         What a scenario may name as the figures that answer its question, each with its column of \
         runs.csv.\n\n| figure | column |\n|---|---|\n",
    );
    for figure in Figure::ALL {
        let _ = writeln!(page, "| `{}` | `{}` |", figure.name(), figure.column());
    }
    page
}

fn table<Extract>(page: &mut String, title: &str, columns: &[Column<Extract>]) {
    let _ =
        writeln!(page, "\n## {title}\n\n| column | unit | meaning | better |\n|---|---|---|---|");
    for column in columns {
        let better = match column.better {
            Better::Lower => "lower",
            Better::Higher => "higher",
            Better::Neither => "",
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {better} |",
            column.name, column.unit, column.meaning
        );
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_page_in_docs_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/columns.md");
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(&path, columns_page()).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == columns_page(),
            "docs/columns.md is out of date: INSTA_UPDATE=always renews it"
        );
    }
}
