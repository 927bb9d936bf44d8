//! The publisher: one message after the other, each when it is due.
//!
//! | file | what it does |
//! |---|---|
//! | `publisher.rs` | the thread that publishes |
//! | `message.rs` | a message on its way, and what became of it |
//! | `route.rs` | how a message gets to the server |
//! | `http_route.rs`, `socket_route.rs`, `command_route.rs` | over HTTP, over a WebSocket, or through a command |
//! | `tally.rs` | what was published, and how long it took |

mod command_route;
mod http_route;
mod message;
mod publisher;
mod route;
mod socket_route;
mod tally;

pub(crate) use message::OF_MESSAGE;
pub(crate) use publisher::RunningPublisher;
pub(crate) use tally::PublishTally;
