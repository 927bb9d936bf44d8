//! Runs the servers, what is in front of and behind them, and the measurement of the floor as separate processes,
//! so that their cost is measured apart from that of the load generator.

mod child_process;
pub(crate) mod floor_process;
pub(crate) mod nats;
pub(crate) mod proxy_process;
pub(crate) mod run_servers;
pub(crate) mod server_process;
pub(crate) mod server_supervisor;
