//! The payloads of a paced publisher: random strings or bytes of a given size, or the lines of a
//! file.

use std::path::Path;

use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::control::{self, MIN_BINARY_BYTES};
use crate::{MAX_PAYLOAD_BYTES, PayloadFileError, read_payload_file, seal_payload};

/// The number of different payloads of a given size that a publisher repeats.
const DISTINCT_PAYLOADS: usize = 16;

/// A payload that a publisher repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublisherPayload {
    /// A JSON value.
    Json(String),
    /// Bytes that end with a checksum.
    Binary(Vec<u8>),
}

/// Why payloads cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// No JSON string is that short, or no subscriber would accept it.
    #[error("`payload` must be 2 to {} bytes, found {found}", MAX_PAYLOAD_BYTES)]
    Size {
        /// The size that the plan asks for, in bytes.
        found: usize,
    },
    /// There is no room for random bytes and a checksum, or no subscriber would accept it.
    #[error(
        "a binary `payload` must be {} to {} bytes, found {found}",
        MIN_BINARY_BYTES,
        MAX_PAYLOAD_BYTES
    )]
    BinarySize {
        /// The size that the plan asks for, in bytes.
        found: usize,
    },
    /// The file is not a payload file.
    #[error("the payload file {0}")]
    File(#[from] PayloadFileError),
}

/// Returns the payloads that a publisher repeats, in order. There is at least one. Those of a given
/// size are drawn from `seed`.
///
/// # Errors
///
/// The size is out of range, or the file is not a payload file.
pub fn payloads(plan: &control::Payload, seed: u64) -> Result<Vec<PublisherPayload>, PayloadError> {
    match plan {
        control::Payload::Bytes(size @ 2..=MAX_PAYLOAD_BYTES) => Ok(of_size(*size, seed)),
        control::Payload::Bytes(size) => Err(PayloadError::Size { found: *size }),
        control::Payload::Binary(size @ MIN_BINARY_BYTES..=MAX_PAYLOAD_BYTES) => {
            Ok(binary(*size, seed))
        }
        control::Payload::Binary(size) => Err(PayloadError::BinarySize { found: *size }),
        control::Payload::File(path) => of_file(path),
    }
}

/// Returns JSON strings of exactly `size` bytes, quotes included. They are letters and digits,
/// which hardly compress.
fn of_size(size: usize, seed: u64) -> Vec<PublisherPayload> {
    let mut random = StdRng::seed_from_u64(seed);
    let text = || format!("\"{}\"", Alphanumeric.sample_string(&mut random, size - 2));
    std::iter::repeat_with(text).take(DISTINCT_PAYLOADS).map(PublisherPayload::Json).collect()
}

/// Returns exactly `size` random bytes, the last of which are a checksum. They do not compress. The
/// first one is above 127, by which a receiver tells them from what a subscriber sends.
fn binary(size: usize, seed: u64) -> Vec<PublisherPayload> {
    let mut random = StdRng::seed_from_u64(seed);
    let sealed = || {
        let mut bytes = vec![0; size];
        random.fill(&mut bytes[..]);
        bytes[0] |= 0x80;
        seal_payload(&mut bytes);
        PublisherPayload::Binary(bytes)
    };
    std::iter::repeat_with(sealed).take(DISTINCT_PAYLOADS).collect()
}

/// Returns the values of a payload file.
fn of_file(path: &Path) -> Result<Vec<PublisherPayload>, PayloadError> {
    let mut payloads = Vec::new();
    read_payload_file(path, |json| payloads.push(PublisherPayload::Json(json.to_owned())))?;
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_payload_intact;

    #[test]
    fn a_payload_has_the_size_that_the_plan_asks_for_and_depends_on_the_seed() {
        for size in [2, 3, 256] {
            let payloads = of_size(size, 9);
            let has_size = |payload: &PublisherPayload| match payload {
                PublisherPayload::Json(json) => json.len() == size,
                PublisherPayload::Binary(_) => false,
            };
            assert!(payloads.iter().all(has_size));
            assert_eq!(payloads, of_size(size, 9));
        }
    }

    #[test]
    fn a_binary_payload_has_its_size_ends_with_its_checksum_and_depends_on_the_seed() {
        for size in [16, 17, 1_024] {
            let payloads = binary(size, 9);
            for payload in &payloads {
                let PublisherPayload::Binary(bytes) = payload else { panic!("{payload:?}") };
                assert_eq!(bytes.len(), size);
                assert!(is_payload_intact(bytes) && bytes[0] > 127);
            }
            assert_ne!(payloads[0], payloads[1]);
            assert_eq!(payloads, binary(size, 9));
            assert_ne!(payloads, binary(size, 8));
        }
        for size in [0, 15, MAX_PAYLOAD_BYTES + 1] {
            assert!(payloads(&control::Payload::Binary(size), 1).is_err(), "{size}");
        }
    }
}
