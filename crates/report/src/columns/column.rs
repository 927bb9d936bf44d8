//! What a column of a CSV file says of itself.

use crate::value::ValueType;

/// The version in the first column of every file. Appending a column does not change it; changing
/// the meaning of one does.
pub const SCHEMA_VERSION: u64 = 1;

/// A column of a CSV file.
///
/// The header, the reader, the tables, the pages, the JSON schema and `docs/columns.md` all follow
/// the lists of these.
#[derive(Clone, Copy, Debug)]
pub struct Column<Extract> {
    /// The name in the header. The unit comes last.
    pub name: &'static str,
    /// The unit of its numbers; empty for words and counts.
    pub unit: &'static str,
    /// What it says, and from where to where it is measured.
    pub meaning: &'static str,
    /// Which way is better.
    pub better: Better,
    /// How its values are written.
    pub value_type: ValueType,
    /// What it is to a comparison of runs.
    pub role: Role,
    /// The function that takes the value from a record.
    pub extract: Extract,
}

/// Which way a value is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// A lower value is better.
    Lower,
    /// A higher value is better.
    Higher,
    /// The value describes the run and does not rate it.
    Neither,
}

/// What a column is to a comparison of runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It tells runs apart that measure the same.
    Identity,
    /// It was asked for. Runs are compared if they agree in all of these.
    Setting,
    /// It was measured.
    Measured,
}

impl Better {
    /// Returns one word, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "neither",
        }
    }
}

impl<Extract: Copy> Column<Extract> {
    pub(crate) const fn new(
        role: Role,
        value_type: ValueType,
        name: &'static str,
        extract: Extract,
    ) -> Self {
        Self { name, unit: "", meaning: "", better: Better::Neither, value_type, role, extract }
    }

    pub(crate) const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub(crate) const fn lower_is_better(self) -> Self {
        Self { better: Better::Lower, ..self }
    }

    pub(crate) const fn higher_is_better(self) -> Self {
        Self { better: Better::Higher, ..self }
    }

    pub(crate) const fn means(self, meaning: &'static str) -> Self {
        Self { meaning, ..self }
    }
}
