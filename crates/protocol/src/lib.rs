//! What travels between the feed server and its subscribers.
//!
//! Both ends share these types and nothing else: a [`Message`], the [`Cursor`] that says how far a
//! subscriber has read, the [`Transport`]s that carry them, the clock, [`Timestamp`], and what a paced
//! publisher publishes ([`publishing`]).
//! Nothing here is async. It reads nothing but payload files, and what the kernel reports about
//! time and about this process.

mod checksum;
mod clock_shift;
pub mod control;
mod cursor;
mod delivery;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod http_stack;
mod idempotency_key;
mod message;
mod named;
mod payload_file;
pub mod process;
mod published_message;
pub mod publishing;
mod recipients;
mod short_polling;
mod socket_io;
mod time;
mod transport;
mod uplink;

pub use checksum::{is_payload_intact, seal_payload};
pub use clock_shift::ClockShift;
pub use cursor::{After, Cursor, CursorError, CursorText, Epoch};
pub use delivery::Delivery;
pub use http_stack::HttpStack;
pub use idempotency_key::{IDEMPOTENCY_KEY, IdempotencyKey, InvalidIdempotencyKey};
pub use message::{
    Gap, Hello, Message, MessageHead, PollBody, Published, TextPayload, split_binary,
};
pub use named::UnknownName;
pub use payload_file::{MAX_PAYLOAD_BYTES, PayloadFileError, read_payload_file};
pub use published_message::PublishedMessage;
pub use recipients::{ContradictoryRecipients, InvalidSubscriberName, Recipients, SubscriberName};
pub use short_polling::ShortPollingMode;
pub use socket_io::{SocketIoMode, is_first_placeholder};
pub use time::Timestamp;
pub use transport::{Look, Marker, Transport};
pub use uplink::Uplink;

/// The place of a message in its feed, counted from 1 without holes. 0 is the place before the
/// first message.
pub type Seq = u64;

/// The response header in which both kinds of polling return the cursor to continue from.
pub const FEED_CURSOR: &str = "feed-cursor";

/// The maximum number of streams on one HTTP/2 connection to the server. Each subscriber uses one
/// stream. Subscribers that share connections open another connection when all streams of one are
/// taken.
pub const STREAMS_PER_CONNECTION: u32 = 200;
