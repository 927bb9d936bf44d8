//! How much may be on its way to a client.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Up to this many packets that a client has not taken yet, its feeds are followed further.
const FOLLOWED_PACKETS: usize = 1024;

/// And up to this many bytes of them. A larger packet is sent alone.
const FOLLOWED_BYTES: usize = 256 << 10;

/// Up to this many packets that a client has not taken yet, it is answered.
const ANSWERED_PACKETS: usize = 3072;

/// And up to this many bytes of them.
const ANSWERED_BYTES: usize = 4 << 20;

/// The library's buffer for what a client has not taken, in packets. Pings and packets that connect
/// and disconnect are not counted here, and always find room.
pub(super) const BUFFERED_PACKETS: usize = 4096;

const _: () = assert!(FOLLOWED_PACKETS < ANSWERED_PACKETS && ANSWERED_PACKETS < BUFFERED_PACKETS);

/// The events and acknowledgements that were handed to the library and that the client has not
/// taken yet: its socket has not, or no poll has asked for them.
///
/// The library drops what does not fit into its buffer, and ends a session whose ping does not fit.
/// So its buffer is never filled. What follows a feed waits here for room, and falls behind in the
/// feed as it would on any other transport. A client that sends without reading what it is answered
/// is not answered any more: its session ends.
#[derive(Debug, Default)]
pub(super) struct SendWindow {
    under_way: Mutex<UnderWay>,
    taken: Notify,
}

/// The sizes of the packets under way, in their order, and the sum of the sizes.
#[derive(Debug, Default)]
struct UnderWay {
    packets: VecDeque<usize>,
    bytes: usize,
}

impl SendWindow {
    /// Waits until a feed may be followed further.
    pub(super) async fn room(&self) {
        while !self.has_room() {
            let taken = self.taken.notified();
            tokio::pin!(taken);
            // Registers, and then looks again: a packet that was taken in between wakes nobody.
            taken.as_mut().enable();
            if self.has_room() {
                return;
            }
            taken.await;
        }
    }

    fn has_room(&self) -> bool {
        let under_way = self.under_way.lock();
        under_way.packets.len() < FOLLOWED_PACKETS && under_way.bytes < FOLLOWED_BYTES
    }

    /// Returns true if there are packets that the client has not taken.
    pub(super) fn has_packets(&self) -> bool {
        !self.under_way.lock().packets.is_empty()
    }

    /// Returns true if the client may be answered.
    pub(super) fn has_room_for_answers(&self) -> bool {
        let under_way = self.under_way.lock();
        under_way.packets.len() < ANSWERED_PACKETS && under_way.bytes < ANSWERED_BYTES
    }

    /// Called before a packet is handed to the library, with its size and that of its attachments.
    pub(super) fn add(&self, bytes: usize) {
        let mut under_way = self.under_way.lock();
        under_way.packets.push_back(bytes);
        under_way.bytes += bytes;
    }

    /// Called when the client has taken a packet.
    pub(super) fn take(&self) {
        let mut under_way = self.under_way.lock();
        if let Some(bytes) = under_way.packets.pop_front() {
            under_way.bytes -= bytes;
        }
        drop(under_way);
        self.taken.notify_waiters();
    }

    /// Called when the library has not taken the packet that was added last.
    pub(super) fn withdraw(&self) {
        let mut under_way = self.under_way.lock();
        if let Some(bytes) = under_way.packets.pop_back() {
            under_way.bytes -= bytes;
        }
    }
}

/// Returns true if a packet that begins like this counts: an Engine.IO `message` with a Socket.IO
/// `EVENT`, `ACK`, `BINARY_EVENT` or `BINARY_ACK`.
pub(super) fn counts(start: &[u8]) -> bool {
    matches!(start, [b'4', b'2' | b'3' | b'5' | b'6', ..])
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn may_follow(window: &SendWindow) -> bool {
        window.room().now_or_never().is_some()
    }

    #[test]
    fn a_feed_is_followed_up_to_as_many_packets_and_bytes() {
        let window = SendWindow::default();
        for _ in 0..FOLLOWED_PACKETS {
            assert!(may_follow(&window));
            window.add(1);
        }
        assert!(!may_follow(&window), "too many packets");
        window.take();
        assert!(may_follow(&window));
        window.add(FOLLOWED_BYTES);
        window.take();
        assert!(!may_follow(&window), "too many bytes");
        window.withdraw();
        assert!(may_follow(&window));
    }

    #[test]
    fn a_client_is_answered_for_longer_than_feeds_are_followed() {
        let window = SendWindow::default();
        window.add(FOLLOWED_BYTES);
        assert!(!may_follow(&window) && window.has_room_for_answers());
        window.add(ANSWERED_BYTES);
        assert!(!window.has_room_for_answers(), "too many bytes");
        window.withdraw();
        for _ in 0..ANSWERED_PACKETS {
            window.add(0);
        }
        assert!(!window.has_room_for_answers(), "too many packets");
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_woken_when_a_packet_is_taken() {
        let window = SendWindow::default();
        window.add(FOLLOWED_BYTES);
        let mut room = Box::pin(window.room());
        assert!(room.as_mut().now_or_never().is_none());
        window.take();
        room.await;
    }

    #[test]
    fn only_events_and_acknowledgements_count() {
        for packet in ["42[\"message\"]", "43/feeds/bench,7[]", "451-[]", "461-7[]"] {
            assert!(counts(packet.as_bytes()), "{packet}");
        }
        for packet in ["", "2", "4", "40/feeds/bench,", "44/x,{}", "6", "bAQID"] {
            assert!(!counts(packet.as_bytes()), "{packet}");
        }
    }
}
