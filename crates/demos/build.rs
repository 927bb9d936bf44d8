//! Optimised builds embed the files under `web/`, so a new file there must cause a rebuild.

fn main() {
    // Not `PROFILE`: it is `debug` for the profile `dist`, which inherits from `dev`.
    let embedded = std::env::var("OPT_LEVEL").is_ok_and(|level| level != "0");
    let watched = if embedded { "web" } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
