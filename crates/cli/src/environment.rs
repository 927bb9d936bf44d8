//! The environment variables that more than one command has to know.

/// The URL of the store, in place of `serve --store`.
pub(crate) const STORE: &str = "WIREBENCH_STORE";

/// The URL of the backbone, in place of `serve --backbone`.
pub(crate) const BACKBONE: &str = "WIREBENCH_BACKBONE";

/// The URL of the NATS server at which agents wait, in place of `run --agents` and `agent --nats`.
#[cfg(feature = "nats")]
pub(crate) const AGENTS: &str = "WIREBENCH_AGENTS";

/// The URL of the database for runs with `server.store = "postgres"`.
pub(crate) const POSTGRES: &str = "WIREBENCH_POSTGRES";

/// The URL of the database for runs with `server.store = "mysql"`.
pub(crate) const MYSQL: &str = "WIREBENCH_MYSQL";
