//! What `chrony` knows of this host's wall clock.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// The time that `chronyc` has. It asks a daemon of this host.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The reference of a daemon that follows its own clock alone (`local`). What it says about its
/// error means nothing.
const LOCAL_REFERENCE: &str = "7F7F0101";

/// Returns the most by which the wall clock of this host is wrong, according to the `chronyd` that
/// disciplines it: |offset| + root dispersion + root delay / 2, as AWS's clock-bound computes it.
///
/// `None` if no `chronyc` answers within 2 s, or if its daemon is not synchronised.
pub async fn chrony_bound() -> Option<Duration> {
    tracking_bound("chronyc").await
}

/// Asks the program of this name.
async fn tracking_bound(program: &str) -> Option<Duration> {
    let mut command = Command::new(program);
    // Without `-n` it may ask a name server.
    command.args(["-n", "-c", "tracking"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = timeout(TIMEOUT, command.kill_on_drop(true).output()).await.ok()?.ok()?;
    let text = std::str::from_utf8(&output.stdout).ok()?;
    parse(text).filter(|_| output.status.success())
}

/// Reads the line of `chronyc -c tracking`: reference, its name, stratum, time of the reference,
/// offset of the system clock, two more offsets, three frequencies, root delay, root dispersion,
/// update interval, and the leap status. All times are in seconds.
fn parse(line: &str) -> Option<Duration> {
    let fields: Vec<&str> = line.trim_end().split(',').collect();
    let &[reference, _, _, _, offset, _, _, _, _, _, delay, dispersion, _, leap] = &fields[..]
    else {
        return None;
    };
    if reference == LOCAL_REFERENCE || leap == "Not synchronised" {
        return None;
    }
    let [offset, delay, dispersion] =
        [offset, delay, dispersion].map(|seconds| seconds.parse::<f64>().ok());
    Duration::try_from_secs_f64(offset?.abs() + dispersion? + delay? / 2.0).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_made_of_offset_dispersion_and_half_of_the_delay() {
        // Of chronyd 4.3 that follows another one.
        let line = "7F000001,127.0.0.1,9,1795919133.057292705,-0.000003074,0.000000161,\
                    0.000000161,-4.446,-0.000,811.482,0.000011417,0.000833876,0.0,Normal\n";
        assert_eq!(parse(line), Some(Duration::from_nanos(3_074 + 833_876 + 5_708)));
    }

    #[test]
    fn a_clock_that_follows_no_other_has_no_bound() {
        for line in [
            // Of a daemon with `local stratum 8`, and of one that has no source yet.
            "7F7F0101,,8,1795919119.268319244,0.000000000,0.000000000,0.000000000,0.000,0.000,\
             0.000,0.000000000,0.000000000,0.0,Normal",
            "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,-4.446,0.000,0.000,\
             1.000000000,1.000000000,0.0,Not synchronised",
            "506 Cannot talk to daemon",
            "",
            "7F000001,a,9,1,x,0,0,0,0,0,0.1,0.1,0.0,Normal",
            "7F000001,a,9,1,NaN,0,0,0,0,0,0.1,0.1,0.0,Normal",
            "7F000001,a,9,1,0,0,0,0,0,0,-9,0.1,0.0,Normal",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_says_something_else_gives_no_bound() {
        for program in ["wirebench-no-such-program", "echo", "false"] {
            assert_eq!(tracking_bound(program).await, None, "{program}");
        }
    }
}
