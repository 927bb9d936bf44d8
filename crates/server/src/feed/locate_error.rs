//! Why a subscriber cannot start where it asks to.

use wirebench_protocol::{Cursor, Seq};
use wirebench_store::StoreError;

/// Why a subscriber cannot start at the cursor that it asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    /// The feed cannot have given the cursor to anybody.
    #[error(transparent)]
    Future(#[from] FutureCursor),
    /// The feed is durable, and its database fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A cursor of this feed that lies after its newest message. The feed cannot have given it to
/// anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cursor `{cursor}` lies after the newest message, {newest}")]
pub struct FutureCursor {
    /// The cursor that a subscriber asked for.
    pub cursor: Cursor,
    /// The newest message of the feed.
    pub newest: Seq,
}
