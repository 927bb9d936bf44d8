//! The structure of the workspace, as `docs/architecture.md` describes it: which crate uses which,
//! and no circles of modules inside a crate.
//!
//! `cargo deny` checks licences, sources and banned crates from `deny.toml`, where it is installed.

mod imports;
mod module_tree;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

use self::imports::{Imports, circles};

/// What each crate may use of the others outside of its tests.
const ARROWS: [(&str, &[&str]); 13] = [
    ("wirebench-protocol", &[]),
    ("wirebench-scenario", &["protocol"]),
    ("wirebench-measure", &["protocol"]),
    ("wirebench-link", &["protocol"]),
    ("wirebench-versus", &["protocol", "target"]),
    ("wirebench-store", &["protocol"]),
    ("wirebench-server", &["protocol", "store"]),
    ("wirebench-loadgen", &["protocol", "scenario", "measure", "link"]),
    ("wirebench-agents", &["protocol", "scenario", "measure", "loadgen", "store"]),
    ("wirebench-target", &["protocol", "scenario", "measure", "loadgen"]),
    ("wirebench-demos", &["protocol", "link", "store", "server"]),
    ("wirebench-report", &["protocol", "scenario", "measure"]),
    (
        "wirebench",
        &[
            "agents", "protocol", "scenario", "measure", "link", "store", "server", "demos",
            "loadgen", "target", "report",
        ],
    ),
];

#[test]
fn every_crate_uses_only_the_crates_that_the_plan_allows() {
    let metadata = MetadataCommand::new().no_deps().exec().expect("this is a cargo workspace");
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| &**package.name).collect();
    assert_eq!(names, ARROWS.iter().map(|(name, _)| *name).collect());
    for package in &metadata.packages {
        let used: BTreeSet<&str> = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal)
            .filter_map(|dependency| dependency.name.strip_prefix("wirebench-"))
            .collect();
        let allowed = ARROWS.iter().find(|(name, _)| *name == &**package.name).map(|(_, to)| *to);
        let allowed: BTreeSet<&str> = allowed.unwrap_or_default().iter().copied().collect();
        let beyond: Vec<_> = used.difference(&allowed).collect();
        assert!(beyond.is_empty(), "{} uses {beyond:?}", package.name);
    }
}

/// `deny.toml` says the same. This test holds where `cargo deny` is not installed, too: a second
/// library for TLS or WebSocket comes in unnoticed, with the default features of a dependency.
#[test]
fn tls_is_rustls_over_ring_and_there_is_one_tungstenite() {
    let metadata = MetadataCommand::new().exec().expect("this is a cargo workspace");
    let names: Vec<&str> = metadata.packages.iter().map(|package| &**package.name).collect();
    for other in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!names.contains(&other), "{other}");
    }
    assert!(names.contains(&"ring"));
    assert_eq!(names.iter().filter(|name| **name == "tungstenite").count(), 1);
}

#[test]
fn no_two_modules_of_a_crate_import_each_other_in_a_circle() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut ties = String::new();
    for folder in std::fs::read_dir(crates).expect("the folder of the crates") {
        let folder = folder.expect("a crate");
        let name = folder.file_name().into_string().expect("names are UTF-8");
        let source = folder.path().join("src");
        let roots = ["lib.rs", "main.rs"].map(|name| source.join(name));
        let root = roots.iter().find(|root| root.exists()).expect("a crate has a root");
        let read = |path: &Path| std::fs::read_to_string(path).ok();
        for (from, to, names) in circles(&Imports::of_crate(root, &read)) {
            let [from, to] = [from, to].map(|file| {
                file.strip_prefix(&source).expect("files lie in the crate").display().to_string()
            });
            let _ = writeln!(ties, "{name}: {from} -> {to}: {}", names.join(", "));
        }
    }
    assert!(ties.is_empty(), "imports that tie a circle:\n{ties}");
}

/// Analyses a crate that is given as its files.
fn ties_of(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let read = |path: &Path| {
        files.iter().find(|(name, _)| Path::new(name) == path).map(|(_, text)| (*text).to_owned())
    };
    let imports = Imports::of_crate(Path::new(files[0].0), &read);
    let name = |path: PathBuf| path.display().to_string();
    circles(&imports).into_iter().map(|(from, to, _)| (name(from), name(to))).collect()
}

fn tie(from: &str, to: &str) -> (String, String) {
    (from.to_owned(), to.to_owned())
}

#[test]
fn modules_that_import_each_other_are_a_circle() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::B;"),
        ("a.rs", "use crate::B;\npub struct A(B, crate::c::C);"),
        ("b.rs", "pub struct B;\nfn b() { super::c::new(); }"),
        ("c.rs", "use crate::a;\npub struct C;\npub fn new() -> a::A { todo!() }"),
    ];
    let expected =
        [tie("a.rs", "b.rs"), tie("a.rs", "c.rs"), tie("b.rs", "c.rs"), tie("c.rs", "a.rs")];
    assert_eq!(ties_of(&files), expected);
}

#[test]
fn a_child_that_uses_what_its_parent_defines_is_a_circle_if_the_parent_uses_the_child() {
    let parent = "mod child;\npub struct Shared;\nfn f() { child::g(); }";
    let child = "use super::Shared;\npub fn g() -> Shared { Shared }";
    let files = [("lib.rs", "mod p;"), ("p/mod.rs", parent), ("p/child.rs", child)];
    let expected = [tie("p/child.rs", "p/mod.rs"), tie("p/mod.rs", "p/child.rs")];
    assert_eq!(ties_of(&files), expected);
}

#[test]
fn declarations_re_exports_and_tests_are_no_imports() {
    let files = [
        ("lib.rs", "mod p;\n#[cfg(test)]\nmod testing;"),
        ("p.rs", "mod one;\nmod two;\npub use one::One;\npub(crate) use self::two::Two;"),
        (
            "p/one.rs",
            "pub struct One;\npub(super) fn one() {}\n\
             #[cfg(test)]\nmod tests { use crate::p::Two; }",
        ),
        ("p/two.rs", "use super::One;\npub struct Two(One);"),
        ("testing.rs", "use crate::p::One;"),
    ];
    assert_eq!(ties_of(&files), []);
}
