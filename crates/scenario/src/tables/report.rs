//! `[report]`: which figures answer the question.

use crate::key::table;
use crate::values::focus::Focus;

table! {
    /// What the results are to be read for. It changes nothing that is measured.
    table "report" => ReportTable, ReportDraft {
        /// The figures that answer the question, the most important first. They lead the tables,
        /// the answer and the page. []: delivery and cost; with faults: what was delivered, what
        /// was missed, and how soon subscribers were back.
        "focus" => FOCUS, focus: Focus, default "[]";
    }
}
