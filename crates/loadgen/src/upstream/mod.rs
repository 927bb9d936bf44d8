//! What a subscriber sends: the times at which its messages are due, what they carry, and those
//! that wait until the server acknowledges them. How they cross the network is the business of
//! `transport`.

mod message;
mod outbox;
mod schedule;

pub(crate) use message::SentMessage;
pub use outbox::Outbox;
pub(crate) use outbox::{Outgoing, OutgoingPayload};
pub(crate) use schedule::SendSchedule;
