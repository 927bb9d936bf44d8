//! One file for each way to subscribe, and the crowd that does.
//!
//! This crate never links the server: a client that could reach server internals would stop being an
//! honest client. Nothing here prints, transports never reconnect ([`live`] does, the same way for all),
//! and nothing but [`Dialer`] opens a measured connection.

mod control;
mod crowd;
mod deadline;
mod dial;
mod disturb;
mod error;
mod event_stream;
mod exchange;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod http1;
mod http2;
mod machine_reading;
mod pauses;
pub mod raw;
mod reach;
mod shared;
mod subscriber;
mod target;
mod timeline;
mod tls;
mod transport;
mod tunnel;
mod websocket;
mod worker;

pub use control::{Control, ControlError};
pub use crowd::{DriveError, Progress, drive};
pub use dial::{Arrivals, Connection, Counts, Dialer};
pub use disturb::{Pending, ServerHands, ServerOrder, ServerOrders, server_hands};
pub use error::SubscribeError;
pub use machine_reading::read_machine;
pub use subscriber::{Sight, Subscriber, live};
pub use target::{DEFAULT_FEED, Target, TargetError};
pub use tls::{Believe, Trust, TrustError};
pub use transport::{Settings, subscribe};
