//! The cargo profile that a program was built with. `build.rs` reads it, because cargo tells the
//! program only the parent of its profile.

use std::path::{Component, Path};

/// Returns the profile of a build script whose `OUT_DIR` is `folder`:
/// `target/PROFILE/build/PACKAGE-HASH/out`. `None` if the folder has another form.
pub(crate) fn of_out_dir(folder: &Path) -> Option<&str> {
    let mut parts = folder.components().rev();
    parts.find(|part| *part == Component::Normal("build".as_ref()))?;
    match parts.next()?.as_os_str().to_str()? {
        // Cargo writes the profile `dev` to a folder of another name.
        "debug" => Some("dev"),
        name => Some(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_the_folder_above_the_build_scripts() {
        for (folder, profile) in [
            ("/home/ann/wirebench/target/release/build/wirebench-0123/out", Some("release")),
            ("/home/ann/wirebench/target/dist/build/wirebench-0123/out", Some("dist")),
            ("/home/ann/wirebench/target/debug/build/wirebench-0123/out", Some("dev")),
            ("/target/x86_64-unknown-linux-musl/dist/build/wirebench/0123/out", Some("dist")),
            ("/home/ann/build/target/release/build/wirebench-0123/out", Some("release")),
            ("/somewhere/else", None),
        ] {
            assert_eq!(of_out_dir(Path::new(folder)), profile, "{folder}");
        }
    }

    /// This holds for a debug build and for an optimised build.
    #[test]
    fn the_profile_of_this_build_is_known() {
        let profile = env!("WIREBENCH_PROFILE");
        assert_eq!(profile == "dev", cfg!(debug_assertions), "{profile}");
    }
}
