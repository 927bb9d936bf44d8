//! The server, and the proxy in front of it, as processes of their own, so that what they cost
//! shows apart from what the load generator costs.

mod child_process;
pub(crate) mod proxy_process;
pub(crate) mod server_process;
pub(crate) mod server_supervisor;
