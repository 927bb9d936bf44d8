//! The teaching demos in a real browser, against the real server.
//!
//! Without a Chromium these tests say that they are skipped; `WIREBENCH_REQUIRE_BROWSER` makes that a
//! failure, and `WIREBENCH_CHROMIUM` names another. `WIREBENCH_PAGES` names a folder to leave pictures of
//! all pages in, to look at them.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod browser;
mod chat;
mod devtools;
mod every_page;
mod lanes;
mod news;
#[path = "../support/mod.rs"]
mod support;

/// The transports, as the pages name them.
const TRANSPORTS: [&str; 4] = ["short-polling", "long-polling", "sse", "websocket"];
