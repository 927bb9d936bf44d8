//! `[server]`: where the server keeps the feed.

use crate::FeedStore;
use crate::key::table;

table! {
    /// The server that `wirebench run` starts for each run.
    table "server" => ServerTable, ServerDraft {
        /// Where the server keeps the feed: "memory", "sqlite" (a new file for each run),
        /// "postgres", or "mysql" (MariaDB, too). The URLs of the last two are in the environment
        /// variables `WIREBENCH_POSTGRES` and `WIREBENCH_MYSQL`; without its variable, a run is
        /// skipped. Each run starts with an empty table.
        "store" => STORE, store: Vec<FeedStore>, default r#""memory""#;
    }
}
