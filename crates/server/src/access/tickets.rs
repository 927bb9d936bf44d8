//! Tickets: short-lived substitutes for a token.

use std::time::Duration;

use crate::expiring_table::ExpiringTable;

/// How long a ticket opens subscriptions.
pub(super) const TICKET_TIME: Duration = Duration::from_mins(1);

/// The maximum number of tickets that are valid at once. Further ones are refused until one
/// expires.
const MAX_TICKETS: usize = 10_000;

/// What a ticket allows. A right to publish includes the right to subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Subscribe,
    Publish,
}

/// The tickets that are valid. They stand in for the token, so that the token itself is never in an
/// address, which logs and histories keep. A ticket opens any number of subscriptions while it is
/// valid.
#[derive(Debug)]
pub(super) struct Tickets(ExpiringTable<Right>);

impl Default for Tickets {
    fn default() -> Self {
        Self(ExpiringTable::new(MAX_TICKETS, TICKET_TIME))
    }
}

impl Tickets {
    /// Returns a new ticket; `None` if too many are valid.
    pub(super) fn issue(&self, right: Right) -> Option<String> {
        self.0.insert(right)
    }

    /// Returns what the ticket allows; `None` if it is unknown or has expired.
    pub(super) fn right(&self, ticket: &str) -> Option<Right> {
        self.0.get(ticket)
    }
}
