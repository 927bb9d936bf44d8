//! The time in the `Date` field of an answer (RFC 9110, section 6.6.1).

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    /// The second for which the text holds, and the text.
    static NOW: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

/// Appends the current time. The text is made once in a second.
pub(super) fn append_to(bytes: &mut Vec<u8>) {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    NOW.with_borrow_mut(|(of, text)| {
        if *of != second || text.is_empty() {
            (*of, *text) = (second, httpdate::fmt_http_date(now));
        }
        bytes.extend_from_slice(text.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_text_is_the_time_of_now() {
        for _ in 0..2 {
            let mut bytes = Vec::new();
            append_to(&mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            let time = httpdate::parse_http_date(&text).unwrap();
            assert!(time <= SystemTime::now() && time + Duration::from_mins(1) > SystemTime::now());
        }
    }
}
