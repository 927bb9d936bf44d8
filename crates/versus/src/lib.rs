//! Compares what a delivery and an idle subscriber cost over each transport: wirebench's server,
//! other servers that are installed, and the floor, which is a bare write.
//!
//! This is not a scenario. The load generator of wirebench measures delivery latency, and its own
//! work limits what it can tell of a server's. Here a thread that does nothing but count bytes
//! receives, every server gets its messages in the same way, and rounds are interleaved, so that a
//! machine that drifts drifts for all.
//!
//! | module | what it does |
//! |---|---|
//! | `options` | what is compared, and for how long |
//! | `rivals` | the servers, and how each is started |
//! | `floor` | the floor |
//! | `subscription`, `answer`, `message` | what a subscriber sends and receives |
//! | `crowd`, `publisher` | many subscribers in one thread; who publishes |
//! | `cost` | processor time and memory of a server |
//! | `sample`, `rounds` | one measurement; all of them, interleaved |
//! | `table` | medians and spread as a table |

mod answer;
mod cost;
mod crowd;
mod floor;
mod message;
mod options;
mod publisher;
mod rivals;
mod rounds;
mod sample;
mod subscription;
mod table;

pub use self::options::{OtherServers, VersusOptions};
pub use self::rivals::WirebenchBuild;
pub use self::rounds::compare;
