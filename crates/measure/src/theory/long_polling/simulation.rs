//! A long poll, simulated message by message, to check the laws against.

/// Returns the delays of the messages that are due at `due`, in seconds and sorted, and the number
/// of requests and of empty answers.
pub(super) fn simulate(due: &[f64], d: f64, turnaround: f64, hold: f64) -> (Vec<f64>, u32, u32) {
    let (mut delays, mut requests, mut empty) = (Vec::new(), 0, 0);
    let (mut arrives, mut next) = (0.0_f64, 0);
    while next < due.len() {
        requests += 1;
        let answered = arrives.max(due[next]).min(arrives + hold);
        let first = next;
        while next < due.len() && due[next] <= answered {
            delays.push(answered - due[next] + d);
            next += 1;
        }
        empty += u32::from(first == next);
        arrives = answered + turnaround;
    }
    delays.sort_by(f64::total_cmp);
    (delays, requests, empty)
}

/// Returns the times of messages with exponential times between them.
///
/// They come from a small generator in this function, so that the test always sees the same feed.
pub(super) fn poisson_feed(rate: f64, length: u32) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        f64::from(u32::try_from(state >> 32).unwrap()) / f64::from(u32::MAX)
    };
    let mut now = 0.0;
    (0..length)
        .map(|_| {
            now -= (1.0 - uniform() * 0.999_999_999).ln() / rate;
            now
        })
        .collect()
}
