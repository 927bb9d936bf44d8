//! The layer under the connections: counts, records, delays and cuts what crosses the sockets.

pub(crate) mod connection;
pub(crate) mod lane_queries;
pub(crate) mod lanes;
pub(crate) mod layer;
pub(crate) mod network;
pub(crate) mod outage;
pub(crate) mod routes;
mod trace;
