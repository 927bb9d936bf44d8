//! Release builds embed the files under `web/`, so a new file there must cause a rebuild.

fn main() {
    let embedded = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let watched = if embedded { "web" } else { "build.rs" };
    println!("cargo::rerun-if-changed={watched}");
}
