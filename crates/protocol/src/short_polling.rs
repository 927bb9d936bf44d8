//! What both ends agree on about short polling beyond the transport itself: its modes.

use strum::VariantArray;

use crate::named::named;

/// What a short poll asks for: the parameter `mode` of its URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray)]
pub enum ShortPollingMode {
    /// What was published after the cursor of the poll. It is served from memory as far as memory
    /// has it.
    #[default]
    Cursor,
    /// The same, read from the table of the feed with each poll. A feed in memory has no table: it
    /// is served as with [`Self::Cursor`].
    Table,
    /// The whole feed, read from its table with each poll. The poll has no cursor: the subscriber
    /// finds out for itself what is new.
    Whole,
}

named!(ShortPollingMode, "mode");

impl ShortPollingMode {
    /// The maximum number of messages in the answer to a poll for the whole feed. The newest ones
    /// beyond it are left out.
    pub const MAX_WHOLE_MESSAGES: usize = 100_000;

    /// The maximum size of the payloads in the answer to a poll for the whole feed, in bytes. The
    /// newest messages beyond it are left out.
    pub const MAX_WHOLE_BYTES: usize = 64 << 20;

    /// Returns the name in URLs, scenario files, reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Table => "table",
            Self::Whole => "whole",
        }
    }

    /// Returns true if a poll carries the cursor of the last answer.
    pub const fn has_cursor(self) -> bool {
        match self {
            Self::Cursor | Self::Table => true,
            Self::Whole => false,
        }
    }

    /// Returns how often a poll reads the table of a feed that is kept in a database, as long as
    /// memory holds everything after the cursors of the subscribers.
    pub const fn table_reads(self) -> u32 {
        match self {
            Self::Cursor => 0,
            Self::Table | Self::Whole => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_that_reads_no_table_has_a_cursor() {
        for mode in ShortPollingMode::ALL {
            assert!(mode.has_cursor() || mode.table_reads() > 0, "{mode}");
        }
    }
}
