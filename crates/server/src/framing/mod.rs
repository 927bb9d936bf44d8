//! How each transport writes messages as bytes, one file for each framing.
//!
//! Nothing here knows of feeds, requests or sockets. [`crate::feed::Entry`] frames a message once,
//! when it is published; the transports frame what else they send.

pub(crate) mod polling;
pub(crate) mod socket_io;
pub(crate) mod sse;
pub(crate) mod websocket;
