//! What a target file says of a socket.

use wirebench_scenario::target::{Pattern, Split, Template, UnknownPlaceholder};

/// The keys of a target file that are about the texts of a socket, and the values of its
/// placeholders.
pub trait SocketScript: Send {
    /// Returns how a frame holds several texts.
    fn split(&self) -> Split;

    /// Returns the heartbeats of the server. Empty: none.
    fn ping(&self) -> &Pattern;

    /// Returns the answer to a heartbeat. Empty: none.
    fn pong(&self) -> &Template;

    /// Returns a text to send. `more` are values of further placeholders.
    ///
    /// # Errors
    ///
    /// A placeholder has no value.
    fn fill(&self, text: &Template, more: &[(&str, &str)]) -> Result<String, UnknownPlaceholder>;
}
