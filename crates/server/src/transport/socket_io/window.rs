//! How many events may be on their way to a client.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The maximum number of events that a client has not taken yet.
const MAX_EVENTS: usize = 1024;

/// The maximum size of those events together, in bytes. A single larger event is sent alone.
const MAX_BYTES: usize = 256 << 10;

/// The events that were handed to the library and that the client has not taken yet: its socket has
/// not, or no poll has asked for them.
///
/// The library drops what does not fit into its buffer. So its buffer is never filled: what follows
/// a feed waits here for room, and falls behind in the feed as it would on any other transport.
#[derive(Debug, Default)]
pub(super) struct EventWindow {
    events: AtomicUsize,
    bytes: AtomicUsize,
    taken: Notify,
}

impl EventWindow {
    /// Waits until there is room for another event.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            // Registers, and then looks again: an event that was taken in between wakes nobody.
            taken.as_mut().enable();
            if self.has_room() {
                return;
            }
            taken.await;
        }
    }

    fn has_room(&self) -> bool {
        self.events.load(Ordering::Acquire) < MAX_EVENTS
            && self.bytes.load(Ordering::Acquire) < MAX_BYTES
    }

    /// Called before an event is handed to the library. `bytes` is the size of its packet, as it
    /// crosses a WebSocket or stands in the answer to a poll.
    pub(super) fn add(&self, bytes: usize) {
        self.events.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Called when the client has taken an event, or when the library has not.
    pub(super) fn remove(&self, bytes: usize) {
        self.events.fetch_sub(1, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.taken.notify_waiters();
    }
}

/// The first two bytes of the packet of an event: an Engine.IO `message` with a Socket.IO `EVENT`.
/// Events with binary attachments have another type, and are not counted.
pub(super) const EVENT_PACKET: [u8; 2] = *b"42";

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn there_is_room_until_as_many_events_or_bytes_are_on_their_way() {
        let window = EventWindow::default();
        for _ in 0..MAX_EVENTS {
            assert!(window.room().now_or_never().is_some());
            window.add(1);
        }
        assert!(window.room().now_or_never().is_none(), "too many events");
        window.remove(1);
        assert!(window.room().now_or_never().is_some());
        window.add(MAX_BYTES);
        window.remove(1);
        assert!(window.room().now_or_never().is_none(), "too many bytes");
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_woken_when_an_event_is_taken() {
        let window = EventWindow::default();
        window.add(MAX_BYTES);
        let mut room = Box::pin(window.room());
        assert!(room.as_mut().now_or_never().is_none());
        window.remove(MAX_BYTES);
        room.await;
    }
}
