//! Waits with a deadline.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long a measurement may take if something goes wrong. It usually takes less than a second.
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn wait_until_ready(
    socket: &impl AsFd,
    what: PollFlags,
    deadline: Instant,
) -> io::Result<()> {
    loop {
        match poll(&mut [PollFd::new(socket, what)], Some(&timespec_until(deadline)?)) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the time that is left, or an error if there is none.
pub(super) fn time_until(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(timed_out()) } else { Ok(left) }
}

pub(super) fn timespec_until(deadline: Instant) -> io::Result<Timespec> {
    Timespec::try_from(time_until(deadline)?).map_err(io::Error::other)
}

pub(super) fn timed_out() -> io::Error {
    let text = format!(
        "it took longer than {} s: stop what keeps this machine busy, and try again",
        TIMEOUT.as_secs()
    );
    io::Error::new(ErrorKind::TimedOut, text)
}

pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
