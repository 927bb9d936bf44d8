//! The teaching demos in a real browser, against the real server; and the pages of results.
//!
//! Without Chromium these tests are skipped and say so. `WIREBENCH_REQUIRE_BROWSER` makes that a
//! failure, and `WIREBENCH_CHROMIUM` names another browser. `WIREBENCH_PAGES` names a folder for
//! pictures of all pages.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod browser;
mod chat;
mod devtools;
mod event_source;
mod every_page;
mod lanes;
mod message_table;
mod news;
mod projector;
mod results_page;
#[path = "../support/mod.rs"]
mod support;
mod theory;
