//! What both ends agree on about short polling beyond the transport itself: its modes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::VariantArray;

/// What a short poll asks for: the parameter `mode` of its URL.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    Serialize,
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
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

/// A name that belongs to no mode of short polling.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{name}`: expected {}", known())]
pub struct UnknownShortPollingMode {
    name: String,
}

impl ShortPollingMode {
    /// Every mode, in the order in which they are listed everywhere.
    pub const ALL: [Self; Self::COUNT] =
        *Self::VARIANTS.first_chunk().expect("COUNT is the length of VARIANTS");

    /// The number of modes.
    pub const COUNT: usize = Self::VARIANTS.len();

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

impl fmt::Display for ShortPollingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ShortPollingMode {
    type Err = UnknownShortPollingMode;

    fn from_str(name: &str) -> Result<Self, UnknownShortPollingMode> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.name() == name)
            .ok_or_else(|| UnknownShortPollingMode { name: name.to_owned() })
    }
}

/// Returns the names of all modes as a list in prose, each in backticks.
fn known() -> String {
    let names = ShortPollingMode::ALL.map(|mode| format!("`{mode}`"));
    let (last, others) = names.split_last().expect("there are modes");
    format!("{} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mode_is_found_by_its_name() {
        for mode in ShortPollingMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{mode}\""));
        }
        let error = "all".parse::<ShortPollingMode>().unwrap_err();
        assert_eq!(error.to_string(), "unknown mode `all`: expected `cursor`, `table` or `whole`");
    }

    #[test]
    fn a_mode_that_reads_no_table_has_a_cursor() {
        for mode in ShortPollingMode::ALL {
            assert!(mode.has_cursor() || mode.table_reads() > 0, "{mode}");
        }
    }
}
