//! Why the offset of a clock could not be measured.

use std::io;
use std::time::Duration;

/// Why the offset of another host's clock could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// The connection could not be opened, or broke.
    #[error("cannot ask the clock at `{address}` for the time")]
    Connection {
        /// The address that was dialled.
        address: String,
        /// The error of the socket.
        #[source]
        source: io::Error,
    },
    /// The server took too long to accept the connection or to answer.
    #[error("the clock at `{address}` did not answer within {} s", .within.as_secs())]
    Silent {
        /// The address that was dialled.
        address: String,
        /// The time that it had.
        within: Duration,
    },
    /// What answered is no clock server of this version.
    #[error(
        "`{address}` answered with other bytes than a clock server of this version: expected the \
         address of the controller's clock server"
    )]
    Foreign {
        /// The address that was dialled.
        address: String,
    },
    /// The stamps contradict each other.
    #[error(
        "the clock at `{address}` answered with stamps that contradict each other: one of the two \
         clocks was set while it was asked"
    )]
    Contradiction {
        /// The address that was dialled.
        address: String,
    },
}
