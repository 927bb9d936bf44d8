//! The teaching demos: pages that subscribe as web pages usually do, the feeds that they
//! subscribe to, and the API beside them. [`Demos`] is what `wirebench serve` adds to its server.

mod api;
mod controls;
mod demos;
mod feeds;
mod pages;
mod traffic;

pub use api::access::ControlAccess;
pub use demos::Demos;
pub use traffic::lane_queries::LaneQueries;
