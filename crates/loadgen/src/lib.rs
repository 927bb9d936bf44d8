//! One file for each way to subscribe, and the crowd of subscribers that a run drives.
//!
//! This crate never links the server: a client that could reach server internals would stop being
//! an honest client. Nothing here prints. Transports never reconnect; [`run_subscriber`] does, in
//! the same way for all. Nothing but [`Dialer`] opens a measured connection.

mod clocks;
mod control;
mod crowd;
mod dial;
mod error;
mod event_stream;
mod feed_publisher;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod probes;
pub mod raw;
mod scratch;
mod server_control;
mod several_servers;
mod socket_io;
mod subscriber;
mod target;
mod text_socket;
mod texts;
mod tls;
mod transport;
mod upstream;
mod websocket;

pub use self::http::HttpClient;
pub use clocks::{
    AppliedShift, ClockError, ClockOffset, ClockServer, HostClock, chrony_bound, measure_offset,
};
pub use control::{ControlClient, ControlError};
pub use crowd::{
    CrowdPart, CrowdShare, Drive, DriveError, LocalPart, PartCommand, PartError, PartOutcome,
    PartReply, PartSeen, PartStatus, PendingOrder, Progress, Readings, ServerHandle, ServerOrder,
    ServerOrders, drive, read_machine, server_handle,
};
pub use dial::{Arrivals, Dialer, MeasuredConnection, TrafficCounts};
pub use error::{SubscribeError, UnexpectedStep, error_chain};
pub use feed_publisher::{FeedPublisher, PublishAnswer};
pub use probes::{ProbeSettings, Prober};
pub use server_control::{
    CountedMessages, FeedControl, ServerControl, ServerGroup, ServerUsage, Survivors,
};
pub use several_servers::SeveralServers;
pub use subscriber::{Subscriber, SubscriberEvent, run_subscriber};
pub use target::{DEFAULT_FEED, ForeignFeed, ForeignTarget, Target, TargetError};
pub use text_socket::{KeptValues, SocketRequest, SocketScript, TextSocket};
pub use tls::{TlsClient, TrustError, TrustedCertificates};
pub use transport::{SubscriberSettings, subscribe};
pub use upstream::Outbox;
