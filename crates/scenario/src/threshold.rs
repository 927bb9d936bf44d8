//! Bounds that the results of a scenario have to keep.

use wirebench_protocol::Transport;

/// A bound on one column of `runs.csv`.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The transport that the bound is for. `None` if it is for every transport.
    pub transport: Option<Transport>,
    /// The name of the column.
    pub column: String,
    /// How the measured value has to compare with the bound.
    pub operator: Operator,
    /// The bound, in the unit of the column.
    pub bound: f64,
}

/// How a value has to compare with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `==`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Operator {
    /// All operators.
    pub const ALL: [Self; 5] =
        [Self::Less, Self::AtMost, Self::Equal, Self::AtLeast, Self::Greater];

    /// Returns the operator as it is written in a scenario file.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Equal => "==",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }

    /// Returns true if `value` meets the bound.
    #[expect(clippy::float_cmp, reason = "`==` is for counts, which are exact")]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Less => value < bound,
            Self::AtMost => value <= bound,
            Self::Equal => value == bound,
            Self::AtLeast => value >= bound,
            Self::Greater => value > bound,
        }
    }
}
