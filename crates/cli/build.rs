//! Tells the program from which commit and with which profile it was built, so that every result
//! records both.

use std::path::Path;
use std::process::Command;

#[path = "src/profile.rs"]
mod profile;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/profile.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let out_dir = variable("OUT_DIR");
    // `PROFILE` is only `debug` or `release`: the one from which the profile inherits.
    let parent = variable("PROFILE");
    let profile = profile::of_out_dir(Path::new(&out_dir)).unwrap_or(&parent);
    println!("cargo::rustc-env=WIREBENCH_PROFILE={profile}");

    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    // In a worktree these files are not in `.git`, and cargo treats a missing file as changed.
    for file in ["HEAD", "refs/heads"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    let version = variable("CARGO_PKG_VERSION");
    // Outside of a checkout there is no commit.
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let built = match &commit {
        Some(commit) => format!("profile {profile}, commit {commit}"),
        None => format!("profile {profile}"),
    };
    if let Some(commit) = commit {
        println!("cargo::rustc-env=WIREBENCH_COMMIT={commit}");
    }
    println!("cargo::rustc-env=WIREBENCH_LONG_VERSION={version} ({built})");
}
