//! Release builds have the pages in the binary: a file that is new there is a reason to build anew.

fn main() {
    let embedded = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if embedded { "web" } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
