//! The values that keys take, from TOML and back: `value` says what every type of value can do, the
//! files named after types do it, and `field` does it for the fields of a table, lists included.

mod choices;
mod durations;
pub(crate) mod field;
pub(crate) mod focus;
pub(crate) mod located;
mod numbers;
mod pace;
mod payload;
pub(crate) mod placement;
pub(crate) mod value;
