//! One question for the time and its answer, with four stamps.

use std::time::Duration;

use wirebench_protocol::Timestamp;

use super::clock_offset::ClockOffset;

/// The bytes of a question.
pub(super) const QUESTION_BYTES: usize = 16;

/// The bytes of an answer.
pub(super) const ANSWER_BYTES: usize = 32;

/// How a question begins. The last byte is the version of the frames.
const QUESTION: [u8; 8] = *b"wbclock\x01";

/// How an answer begins.
const ANSWER: [u8; 8] = *b"wbtime \x01";

/// Four stamps, two by each clock (NTP, RFC 5905, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    /// By the clock of the client, just before it wrote the question.
    pub(super) client_sent: Timestamp,
    /// By the clock of the server, just after it read the question.
    pub(super) server_received: Timestamp,
    /// By the clock of the server, just before it wrote the answer.
    pub(super) server_sent: Timestamp,
    /// By the clock of the client, just after it read the answer.
    pub(super) client_received: Timestamp,
}

impl Exchange {
    /// Returns what to add to the client's clock to get the server's. `None` if no two clocks can
    /// have read these stamps: an answer before its question, or a server that took longer than the
    /// client waited.
    pub(super) fn offset(&self) -> Option<ClockOffset> {
        let [client_sent, server_received, server_sent, client_received] =
            [self.client_sent, self.server_received, self.server_sent, self.client_received]
                .map(|stamp| i128::from(stamp.as_nanos()));
        let waited = client_received - client_sent;
        let took = server_sent - server_received;
        let round_trip_ns = u64::try_from(waited - took).ok().filter(|_| took >= 0)?;
        let twice = (server_received - client_sent) + (server_sent - client_received);
        Some(ClockOffset {
            offset_ns: i64::try_from(twice.div_euclid(2)).ok()?,
            round_trip: Duration::from_nanos(round_trip_ns),
        })
    }
}

/// Returns the question that is sent at this time.
pub(super) fn question(sent: Timestamp) -> [u8; QUESTION_BYTES] {
    frame(QUESTION, [sent])
}

/// Returns the stamp of a question. `None` if it is none.
pub(super) fn read_question(bytes: &[u8; QUESTION_BYTES]) -> Option<Timestamp> {
    read_frame(QUESTION, bytes).map(|[sent]| sent)
}

/// Returns the answer to the question with this stamp, which was read and answered at these times.
pub(super) fn answer(asked: Timestamp, received: Timestamp, sent: Timestamp) -> [u8; ANSWER_BYTES] {
    frame(ANSWER, [asked, received, sent])
}

/// Returns the stamp of the question and the two of the server. `None` if it is no answer.
pub(super) fn read_answer(bytes: &[u8; ANSWER_BYTES]) -> Option<[Timestamp; 3]> {
    read_frame(ANSWER, bytes)
}

/// Writes the prefix and the stamps, the most significant byte first.
fn frame<const STAMPS: usize, const BYTES: usize>(
    prefix: [u8; 8],
    stamps: [Timestamp; STAMPS],
) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let parts = std::iter::once(prefix).chain(stamps.map(|stamp| stamp.as_nanos().to_be_bytes()));
    for (place, part) in bytes.chunks_exact_mut(8).zip(parts) {
        place.copy_from_slice(&part);
    }
    bytes
}

fn read_frame<const STAMPS: usize>(prefix: [u8; 8], bytes: &[u8]) -> Option<[Timestamp; STAMPS]> {
    let mut parts = bytes.strip_prefix(&prefix)?.chunks_exact(8);
    let mut stamps = [Timestamp::from_nanos(0); STAMPS];
    for stamp in &mut stamps {
        *stamp = Timestamp::from_nanos(u64::from_be_bytes(parts.next()?.try_into().ok()?));
    }
    Some(stamps)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the exchange of two clocks of which the server's is ahead, with these times in
    /// nanoseconds on the way there, at the server, and on the way back.
    fn exchange(start: u64, ahead: i64, there: u64, at_server: u64, back: u64) -> Exchange {
        let at = |nanos| Timestamp::from_nanos(start + nanos);
        Exchange {
            client_sent: at(0),
            server_received: at(there).shifted(ahead),
            server_sent: at(there + at_server).shifted(ahead),
            client_received: at(there + at_server + back),
        }
    }

    #[test]
    fn a_symmetric_path_shows_the_offset_exactly() {
        let offset = exchange(9_000, -5_000, 300, 70, 300).offset().unwrap();
        assert_eq!((offset.offset_ns, offset.round_trip.as_nanos()), (-5_000, 600));
    }

    #[test]
    fn a_path_that_is_slow_one_way_shows_an_offset_that_is_wrong_by_the_bound() {
        let offset = exchange(9_000, 0, 600, 70, 0).offset().unwrap();
        assert_eq!(offset.offset_ns, 300);
        assert_eq!(offset.bound(), Duration::from_nanos(300), "no smaller bound would hold");
    }

    #[test]
    fn stamps_that_no_two_clocks_can_read_have_no_offset() {
        let good = exchange(9_000, 40, 5, 5, 5);
        let earlier = Timestamp::from_nanos(1);
        for impossible in [
            Exchange { client_received: earlier, ..good },
            Exchange { server_sent: earlier, ..good },
            Exchange { server_received: earlier, ..good },
            Exchange { server_received: Timestamp::from_nanos(u64::MAX), ..good },
        ] {
            assert_eq!(impossible.offset(), None, "{impossible:?}");
        }
    }

    #[test]
    fn a_frame_of_another_kind_is_refused() {
        let stamp = Timestamp::from_nanos(u64::MAX - 1);
        assert_eq!(read_question(&question(stamp)), Some(stamp));
        assert_eq!(read_question(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(read_answer(&answer(stamp, stamp, stamp)), Some([stamp; 3]));
        assert_eq!(read_answer(b"HTTP/1.1 400 Bad Request\r\n\r\nBye."), None);
    }

    /// A time on the way, from loopback to a satellite.
    fn nanos() -> impl Strategy<Value = u64> {
        prop_oneof![0..2_000_u64, 0..2_000_000_000_u64]
    }

    proptest! {
        #[test]
        fn the_true_offset_is_always_within_the_bound(
            start in 0..u64::MAX / 4, other in 0..u64::MAX / 4,
            there in nanos(), at_server in nanos(), back in nanos(),
        ) {
            let ahead = i64::try_from(other).unwrap() - i64::try_from(start).unwrap();
            let offset = exchange(start, ahead, there, at_server, back).offset().unwrap();
            prop_assert_eq!(offset.round_trip, Duration::from_nanos(there + back));
            let error = u128::from(offset.offset_ns.abs_diff(ahead));
            prop_assert!(error <= offset.bound().as_nanos(), "{error} > {offset:?}");
            // The error is half of the difference between the two ways, so a symmetric path has none.
            prop_assert!(error <= u128::from(there.abs_diff(back)).div_ceil(2));
        }

        #[test]
        fn any_stamps_have_a_round_trip_that_is_not_negative_or_no_offset(
            stamps in any::<[u64; 4]>(),
        ) {
            let [client_sent, server_received, server_sent, client_received] =
                stamps.map(Timestamp::from_nanos);
            let exchange =
                Exchange { client_sent, server_received, server_sent, client_received };
            if let Some(offset) = exchange.offset() {
                prop_assert!(offset.round_trip <= client_received.saturating_since(client_sent));
            }
        }
    }
}
