//! What a subscriber of a target server keeps from one connection to the next.

use std::time::{Duration, SystemTime};

use http::HeaderValue;
use parking_lot::Mutex;

use crate::text_socket::KeptValues;

/// What the server has given to resume from. It belongs to one subscriber, over all its
/// connections.
#[derive(Debug, Default)]
pub(crate) struct ResumeToken {
    token: Mutex<Kept>,
    /// What the texts of a WebSocket have given, by the names of the target file.
    pub(super) kept: KeptValues,
}

#[derive(Debug, Default)]
struct Kept {
    /// The id of an event, the cursor of an answer, the offset of a Socket.IO message.
    cursor: Option<String>,
    validators: Validators,
    /// The `pid` of a Socket.IO session.
    session: Option<String>,
    /// The second before the one in which the subscriber polled first, as HTTP writes a time.
    before_first_poll: Option<String>,
}

/// The validators of an answer (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Validators {
    pub(super) tag: Option<HeaderValue>,
    pub(super) modified: Option<HeaderValue>,
}

impl Validators {
    /// Returns true if there is neither.
    pub(super) fn is_empty(&self) -> bool {
        self.tag.is_none() && self.modified.is_none()
    }
}

impl ResumeToken {
    /// Returns the last cursor. `None` before the first, and if the server has taken it back.
    pub(super) fn cursor(&self) -> Option<String> {
        self.token.lock().cursor.clone().filter(|cursor| !cursor.is_empty())
    }

    /// Called with each cursor.
    pub(super) fn set_cursor(&self, cursor: &str) {
        cursor.clone_into(self.token.lock().cursor.get_or_insert_default());
    }

    /// Returns the validators of the last answer that had any.
    pub(super) fn validators(&self) -> Validators {
        self.token.lock().validators.clone()
    }

    /// Called with the validators of each answer that has any.
    pub(super) fn set_validators(&self, validators: Validators) {
        self.token.lock().validators = validators;
    }

    /// Returns the `pid` of the last Socket.IO session.
    pub(super) fn session(&self) -> Option<String> {
        self.token.lock().session.clone()
    }

    /// Called with the `pid` of each Socket.IO session.
    pub(super) fn set_session(&self, session: &str) {
        session.clone_into(self.token.lock().session.get_or_insert_default());
    }

    /// Returns the second before the one of the first poll, which is now if there was none.
    ///
    /// A subscriber without a cursor asks for what is newer than that time. With the time of each
    /// poll in its place, what is published between two polls would be lost. With the second of the
    /// first poll, so would be what is published later in that second: to a server, it is not newer.
    pub(super) fn before_first_poll(&self) -> String {
        let second = Duration::from_secs(1);
        let before = || httpdate::fmt_http_date(SystemTime::now() - second);
        self.token.lock().before_first_poll.get_or_insert_with(before).clone()
    }
}
