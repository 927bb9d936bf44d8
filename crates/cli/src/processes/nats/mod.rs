//! NATS for a run, on this machine: one server, or a cluster of several.

mod cluster;
mod process;

pub(crate) use cluster::NatsCluster;
pub(crate) use process::NatsProcess;
