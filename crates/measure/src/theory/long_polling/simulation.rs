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

/// Returns the number of messages that arrive if a request only gets what is published from its
/// arrival on, and the number of requests and of empty answers.
pub(super) fn simulate_without_cursor(due: &[f64], turnaround: f64, hold: f64) -> (u32, u32, u32) {
    let (mut delivered, mut requests, mut empty) = (0, 0, 0);
    let (mut arrives, mut next) = (0.0_f64, 0);
    loop {
        while next < due.len() && due[next] < arrives {
            next += 1;
        }
        let Some(first) = due.get(next) else { return (delivered, requests, empty) };
        requests += 1;
        if *first <= arrives + hold {
            delivered += 1;
            next += 1;
            arrives = first + turnaround;
        } else {
            empty += 1;
            arrives += hold + turnaround;
        }
    }
}
