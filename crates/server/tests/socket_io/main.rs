//! Socket.IO as its clients find it: packets over requests and over sockets, all in memory.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

mod binary;
mod client;
mod delivery;
mod heartbeat;
mod hostile;
mod slow;
mod stop;
mod upgrade;
