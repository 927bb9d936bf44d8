//! The page of the columns, made from the registry that makes the files.

use std::fmt::Write as _;

use crate::{Better, COLUMNS, Column, TIMELINE_COLUMNS};

/// `docs/columns.md`: every column of `runs.csv` and of `timeline.csv`, with its unit, what it means,
/// and which way is better.
fn columns_page() -> String {
    let mut page = String::from(
        "# The columns\n\n\
         Made from the registry in `crates/report/src/columns.rs`; a test holds this page against it.\n\n\
         RFC 4180, a header always, a dot for decimals, the unit last in the name. Empty means not \
         measured, never 0. Columns are only ever appended.\n\n\
         A percentile is empty when the sample is too small for it: p50 takes at least 2 values, p75 4, \
         p90 10, p95 20, p99 100, p99.9 1,000 (`docs/method.md`, \"Percentiles of few values\").\n",
    );
    table(&mut page, "runs.csv: a row for each run", COLUMNS);
    table(&mut page, "timeline.csv: a row for each second of a run", TIMELINE_COLUMNS);
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
    fn the_page_in_docs_is_the_one_that_the_registry_makes() {
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
