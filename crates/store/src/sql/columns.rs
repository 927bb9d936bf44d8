//! Values as the columns of the tables have them.

use std::fmt::Display;
use std::str::FromStr;
use std::time::SystemTime;

use wirebench_protocol::Recipients;
use wirebench_protocol::control::PayloadKind;

use super::driver::Driver;
use super::failure::OperationFailure;

/// Reads the recipients from two columns, `to_name` and the one after it.
pub(super) fn recipients<D: Driver>(
    row: &D::Row,
    column: usize,
) -> Result<Recipients, OperationFailure> {
    let name = |column| D::optional_text(row, column)?.as_deref().map(parsed).transpose();
    Recipients::new(name(column)?, name(column + 1)?)
        .map_err(|error| OperationFailure::Unexpected(error.to_string()))
}

pub(super) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, OperationFailure> {
    text.parse().map_err(|error: T::Err| OperationFailure::Unexpected(error.to_string()))
}

/// Returns the kind of payload that a column names.
pub(super) fn payload_kind(column: &str) -> Result<PayloadKind, OperationFailure> {
    let kinds = [PayloadKind::Json, PayloadKind::Binary];
    kinds
        .into_iter()
        .find(|kind| kind.name() == column)
        .ok_or_else(|| OperationFailure::Unexpected(format!("a message has the kind `{column}`")))
}

/// Returns a number as the tables have it. They have no numbers above `i64::MAX`, and no feed will
/// ever need them.
pub(super) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Returns a number of the tables that is never negative.
pub(super) fn seq(integer: i64) -> Result<u64, OperationFailure> {
    u64::try_from(integer)
        .map_err(|_| OperationFailure::Unexpected(format!("a number is negative: {integer}")))
}

pub(super) fn no_such_feed() -> OperationFailure {
    OperationFailure::Unexpected("the row of the feed is gone from `wirebench_feeds`".to_owned())
}

/// Returns the time, in milliseconds since 1970.
pub(super) fn milliseconds_now() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_1970.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
