//! The payloads of a paced publisher: random strings of a given size, or the lines of a file.

use std::path::Path;

use rand::SeedableRng;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use wirebench_protocol::{MAX_PAYLOAD_BYTES, PayloadFileError, control, read_payload_file};

use crate::feed::JsonPayload;

/// The number of different payloads of a given size that a publisher repeats.
const DISTINCT_PAYLOADS: usize = 16;

/// Why payloads cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// No JSON string is that short, or no subscriber would accept it.
    #[error("`payload` must be 2 to {} bytes, found {found}", MAX_PAYLOAD_BYTES)]
    Size {
        /// The size that the plan asks for, in bytes.
        found: usize,
    },
    /// The file is not a payload file.
    #[error("the payload file {0}")]
    File(#[from] PayloadFileError),
}

/// Returns the payloads that a publisher repeats.
pub(super) fn payloads(
    plan: &control::Payload,
    seed: u64,
) -> Result<Vec<JsonPayload>, PayloadError> {
    match plan {
        control::Payload::Bytes(size @ 2..=MAX_PAYLOAD_BYTES) => Ok(of_size(*size, seed)),
        control::Payload::Bytes(size) => Err(PayloadError::Size { found: *size }),
        control::Payload::File(path) => of_file(path),
    }
}

/// Returns JSON strings of exactly `size` bytes, quotes included. They are letters and digits,
/// which hardly compress.
fn of_size(size: usize, seed: u64) -> Vec<JsonPayload> {
    let mut random = StdRng::seed_from_u64(seed);
    let text = || format!("\"{}\"", Alphanumeric.sample_string(&mut random, size - 2));
    std::iter::repeat_with(text)
        .take(DISTINCT_PAYLOADS)
        .map(|json| JsonPayload::from_json(json.as_bytes()).expect("letters and digits in quotes"))
        .collect()
}

/// Returns the values of a payload file.
fn of_file(path: &Path) -> Result<Vec<JsonPayload>, PayloadError> {
    let mut payloads = Vec::new();
    read_payload_file(path, |json| {
        payloads.push(JsonPayload::from_json(json.as_bytes()).expect("the file holds JSON values"));
    })?;
    Ok(payloads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_has_the_size_that_the_plan_asks_for_and_depends_on_the_seed() {
        for size in [2, 3, 256] {
            let payloads = of_size(size, 9);
            assert!(payloads.iter().all(|payload| payload.as_bytes().len() == size));
            assert_eq!(payloads, of_size(size, 9));
        }
    }
}
