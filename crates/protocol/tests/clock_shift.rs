//! The shift of a process's clock. It belongs to the whole process, so these checks are one test in
//! a program of its own.

use wirebench_protocol::{ClockShift, Timestamp};

#[test]
fn a_shift_moves_the_clock_and_saturates_at_its_ends() {
    const HOUR_NS: i64 = 3_600_000_000_000;
    let before = Timestamp::now();

    ClockShift::set(HOUR_NS);
    let shifted = Timestamp::now();
    let host = Timestamp::host_now();
    assert_eq!(ClockShift::get(), HOUR_NS);
    assert!(shifted >= before.shifted(HOUR_NS), "{shifted:?} is not an hour after {before:?}");
    assert!(host < before.shifted(HOUR_NS), "the clock of the host is not shifted: {host:?}");
    assert!(shifted.host_clock() >= before, "the shift is not taken away again");
    assert!(shifted.host_clock() <= host);

    ClockShift::set(i64::MIN);
    assert_eq!(Timestamp::now(), Timestamp::from_nanos(0));

    ClockShift::set(0);
    assert!(Timestamp::now() >= before);
    assert!(Timestamp::now() < before.shifted(HOUR_NS));
}
