//! The checksum that ends each binary payload of a run, so that a receiver can tell whether the bytes
//! arrived as they were sent.

/// The length of the checksum, in bytes.
const LENGTH: usize = 4;

/// Replaces the last four bytes of a payload by the CRC-32 of the bytes before them, as zlib and
/// Ethernet compute it, with the most significant byte first.
///
/// # Panics
/// The payload has fewer than four bytes.
pub fn seal_payload(payload: &mut [u8]) {
    let (content, checksum) = payload.split_last_chunk_mut::<LENGTH>().expect("four bytes");
    *checksum = crc32fast::hash(content).to_be_bytes();
}

/// Returns true if the payload ends with its checksum. One of fewer than four bytes does not.
pub fn is_payload_intact(payload: &[u8]) -> bool {
    payload
        .split_last_chunk::<LENGTH>()
        .is_some_and(|(content, checksum)| *checksum == crc32fast::hash(content).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_payload_is_intact_until_any_bit_of_it_changes() {
        let mut payload: Vec<u8> = (0..=255).collect();
        assert!(!is_payload_intact(&payload));
        seal_payload(&mut payload);
        assert!(is_payload_intact(&payload));
        for byte in 0..payload.len() {
            for bit in 0..8 {
                payload[byte] ^= 1 << bit;
                assert!(!is_payload_intact(&payload), "bit {bit} of byte {byte}");
                payload[byte] ^= 1 << bit;
            }
        }
        assert!(!is_payload_intact(&payload[1..]) && !is_payload_intact(&payload[..255]));
        assert!(!is_payload_intact(&payload[..3]));
    }

    #[test]
    fn the_checksum_is_the_crc_32_of_zlib() {
        let mut payload = *b"123456789____";
        seal_payload(&mut payload);
        assert_eq!(payload[9..], 0xcbf4_3926_u32.to_be_bytes());
    }
}
