//! A crowd that is cut off from a server that keeps running, and reconnects.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Returns the time after which `share` of the crowd, from 0 to 1, hold a cursor again.
///
/// The pauses before reconnecting are spread evenly over `pause`, from *a* to *b*. The law is
/// *a* + *share*·(*b* − *a*) + *trips*·*d*, where `trips` is how often the link is crossed until
/// the cursor is there: four times for a new connection, the request and its answer.
pub fn recovery_time(
    share: f64,
    pause: &RangeInclusive<Duration>,
    delay: Duration,
    trips: u32,
) -> Duration {
    let (shortest, longest) = (*pause.start(), *pause.end());
    shortest + longest.saturating_sub(shortest).mul_f64(share.clamp(0.0, 1.0)) + trips * delay
}

#[cfg(test)]
mod tests {
    use super::super::testing::ms;
    use super::*;

    #[test]
    fn a_crowd_recovers_after_its_pauses_and_the_trips_of_a_new_connection() {
        let d = ms(25);
        let short = ms(0)..=ms(100);
        assert_eq!(recovery_time(0.99, &short, d, 4), ms(199));
        let all_at_once = ms(3_000)..=ms(3_000);
        assert_eq!(recovery_time(0.99, &all_at_once, d, 4), ms(3_100));
        assert_eq!(recovery_time(0.99, &all_at_once, d, 6), ms(3_150));
        let spread = ms(1_000)..=ms(5_000);
        assert_eq!(recovery_time(0.5, &spread, d, 4), ms(3_100));
    }
}
