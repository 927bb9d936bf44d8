//! Opening a page in the browser.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

/// A program that runs longer than this has opened the page: it may be the browser itself.
const LAUNCH_TIME: Duration = Duration::from_secs(3);

/// Opens a page with the program that this system has for it, such as `xdg-open` or `open`.
///
/// # Errors
/// There is no such program, or each of them failed.
pub(crate) fn open_page(page: &Path) -> anyhow::Result<()> {
    // A full path: a program may take a name such as `a:b.html` for an address.
    let full = std::path::absolute(page)
        .with_context(|| format!("cannot find out where `{}` is", page.display()))?;
    for mut launcher in open::commands(&full) {
        if opens(&mut launcher)? {
            return Ok(());
        }
    }
    bail!(
        "no program here opens `{}`: open it in a browser yourself, copy it to a machine that has \
         one, or install `xdg-utils`",
        page.display()
    )
}

/// Starts a program. Returns false if it is not there or fails.
fn opens(launcher: &mut Command) -> anyhow::Result<bool> {
    let silent = launcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match silent.spawn() {
        Ok(child) => Ok(ended_well(child)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let program = launcher.get_program().display().to_string();
            Err(error).with_context(|| format!("cannot start `{program}`"))
        }
    }
}

/// Returns true if a program ends well, or is still running after [`LAUNCH_TIME`].
fn ended_well(mut child: Child) -> bool {
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        // If nobody waits any more, the page is open.
        let _ = ended.send(child.wait().is_ok_and(|status| status.success()));
    });
    end.recv_timeout(LAUNCH_TIME).unwrap_or(true)
}
