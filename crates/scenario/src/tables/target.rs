//! `[target]`: a target file within the scenario. `target` declares its keys.

use crate::key::Table;

/// The name of the table.
pub(crate) const NAME: &str = "target";

/// The table. It declares no keys of its own.
pub(crate) const TABLE: Table = Table {
    name: NAME,
    doc: "A server to measure in place of wirebench's own, after those of `targets`. Takes what a \
          target file takes, in tables such as [target.sse]; `wirebench init --target` explains it. \
          Without an entry, there is no such server.",
    keys: &[],
    example: "process.command = [\"node\", \"{here}/server.mjs\", \"{port}\"]\n\
              publish.url = \"http://127.0.0.1:{port}/publish\"\n\
              sse.url = \"http://127.0.0.1:{port}/events\"",
};
