//! The laws that predict what a run measures, with one page for each way of delivery.
//!
//! Each law is a small function; [`predict`] picks the one that applies. A law that does not hold
//! at the given conditions yields `None`: a prediction that is merely plausible is worse than none.
//!
//! Symbols: *d* is the one-way delay, *T* the time between messages, λ = 1/*T* the message rate,
//! *P* the poll interval, *H* the hold time of a long poll. *R* is the turnaround of a long poll:
//! the time from one answer of the server to the arrival of the next request, in which a message
//! finds no request waiting. On a connection that is kept open it is 2*d*. *P* is also the period
//! of a timer that a connection has at the server, if it pushes at the ticks of one. *n* is the
//! number of rows in the table of a feed, of which only *K* may be kept.
//!
//! The demo pages have the same laws in JavaScript. A test on either side checks them against
//! `worked-values.json`.

mod framing;
mod growing_table;
mod long_polling;
mod prediction;
mod push;
pub mod reconnect;
mod short_polling;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod worked_values;

use wirebench_protocol::Delivery;

pub use framing::framing_bytes;
pub use growing_table::GrowingTable;
pub use prediction::{Conditions, Prediction};

/// Applies the laws that hold at these conditions, for connections that are kept open and a server
/// that is not busy.
///
/// Fan-out is not included, because the cost of one send is measured and not given: a server that
/// sends to *N* subscribers one after the other, each taking *s*, adds *N*·*s*/2 to the mean and
/// *N*·*s* to the maximum.
pub fn predict(conditions: &Conditions) -> Prediction {
    match conditions.delivery {
        Delivery::Pushed => push::predict(conditions),
        Delivery::Polled => short_polling::predict(conditions).unwrap_or_default(),
        Delivery::Held => long_polling::predict(conditions).unwrap_or_default(),
    }
}
