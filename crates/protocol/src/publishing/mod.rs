//! What a paced publisher publishes, and when each message is due. The server's publisher and the
//! one that publishes to other servers follow the same times and payloads.

mod payloads;
mod schedule;
mod timers;

pub use payloads::{PayloadError, PublisherPayload, payloads};
pub use timers::Timers;
