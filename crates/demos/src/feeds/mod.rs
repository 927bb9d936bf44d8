//! The feeds of the demos, and the API beside each of them.

pub(crate) mod chat;
mod chat_names;
pub(crate) mod clock;
pub(crate) mod demo;
pub(crate) mod event_streams;
pub(crate) mod inbox;
mod internal;
pub(crate) mod jobs;
pub(crate) mod message_table;
pub(crate) mod monitor;
pub(crate) mod naive_monitor;
