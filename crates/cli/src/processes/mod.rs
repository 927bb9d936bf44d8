//! Runs the server, the proxy in front of it and the measurement of the floor as separate processes,
//! so that their cost is measured apart from that of the load generator.

mod child_process;
pub(crate) mod floor_process;
#[cfg_attr(not(test), expect(dead_code, reason = "runs with several servers use it next"))]
pub(crate) mod nats_process;
pub(crate) mod proxy_process;
pub(crate) mod server_process;
pub(crate) mod server_supervisor;
