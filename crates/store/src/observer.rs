//! What a store tells the metrics of a server.

use std::time::Duration;

/// Told what a store does, as it happens. It is called on the path of a publish and should only
/// count.
pub trait StoreObserver: Send + Sync {
    /// An operation has sent this many statements to the database, those that begin and commit a
    /// transaction included.
    fn queried(&self, statements: u64);

    /// An operation has read this many messages.
    fn read(&self, messages: u64);

    /// A transaction has written this many messages. It took this long, from asking for a
    /// connection to the answer of the database to the commit.
    fn committed(&self, messages: u64, took: Duration);
}

/// Ignores everything.
impl StoreObserver for () {
    fn queried(&self, _statements: u64) {}

    fn read(&self, _messages: u64) {}

    fn committed(&self, _messages: u64, _took: Duration) {}
}

/// Tells both.
impl<A: StoreObserver, B: StoreObserver> StoreObserver for (A, B) {
    fn queried(&self, statements: u64) {
        self.0.queried(statements);
        self.1.queried(statements);
    }

    fn read(&self, messages: u64) {
        self.0.read(messages);
        self.1.read(messages);
    }

    fn committed(&self, messages: u64, took: Duration) {
        self.0.committed(messages, took);
        self.1.committed(messages, took);
    }
}
