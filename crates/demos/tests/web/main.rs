//! The files under `web/`: what they refer to exists in both languages, every transport has its
//! share, and nothing in them violates the content security policy.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

mod chinese;
mod dictionaries;
mod files;
mod library;
mod message_table;
mod policy;
mod teaching;
mod transports;
