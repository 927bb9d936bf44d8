//! The arrows between the crates, as `docs/architecture.md` draws them, held against the manifests.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may use of the others outside of its tests.
const ARROWS: [(&str, &[&str]); 9] = [
    ("wirebench-protocol", &[]),
    ("wirebench-scenario", &["protocol"]),
    ("wirebench-measure", &["protocol"]),
    ("wirebench-link", &["protocol"]),
    ("wirebench-server", &["protocol"]),
    ("wirebench-loadgen", &["protocol", "scenario", "measure", "link"]),
    ("wirebench-demos", &["protocol", "link", "server"]),
    ("wirebench-report", &["protocol", "scenario", "measure"]),
    (
        "wirebench",
        &["protocol", "scenario", "measure", "link", "server", "demos", "loadgen", "report"],
    ),
];

#[test]
fn every_crate_uses_exactly_what_the_plan_allows() {
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

#[test]
fn there_is_one_tungstenite() {
    let metadata = MetadataCommand::new().exec().expect("this is a cargo workspace");
    let versions: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| &**package.name == "tungstenite")
        .map(|package| package.version.to_string())
        .collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}

/// What `deny.toml` allows, for those who do not have `cargo deny`.
const LICENCES: [&str; 6] = ["Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "Unicode-3.0", "Zlib"];

/// Whether an SPDX expression can be met with [`LICENCES`]: `AND` binds tighter than `OR`, `/` is an old
/// way to write `OR`, an exception only adds to what is allowed.
fn is_allowed(expression: &str) -> bool {
    let words = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = words.split_whitespace().collect();
    let (allowed, rest) = any_of(&words);
    allowed && rest.is_empty()
}

fn any_of<'a, 'w>(words: &'a [&'w str]) -> (bool, &'a [&'w str]) {
    let (mut allowed, mut rest) = all_of(words);
    while let ["OR", after @ ..] = rest {
        let (also, after) = all_of(after);
        (allowed, rest) = (allowed || also, after);
    }
    (allowed, rest)
}

fn all_of<'a, 'w>(words: &'a [&'w str]) -> (bool, &'a [&'w str]) {
    let (mut allowed, mut rest) = one(words);
    while let ["AND", after @ ..] = rest {
        let (also, after) = one(after);
        (allowed, rest) = (allowed && also, after);
    }
    (allowed, rest)
}

fn one<'a, 'w>(words: &'a [&'w str]) -> (bool, &'a [&'w str]) {
    match words {
        ["(", inner @ ..] => match any_of(inner) {
            (allowed, [")", rest @ ..]) => (allowed, rest),
            (_, rest) => (false, rest),
        },
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => {
            (LICENCES.contains(licence), rest)
        }
        [] => (false, words),
    }
}

#[test]
fn licences_are_read_as_they_are_meant() {
    for expression in
        ["MIT", "MIT/GPL-3.0", "GPL-3.0 OR (MIT AND ISC)", "Apache-2.0 WITH LLVM-exception"]
    {
        assert!(is_allowed(expression), "{expression}");
    }
    for expression in
        ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "(MIT", "MIT ISC"]
    {
        assert!(!is_allowed(expression), "{expression}");
    }
}

#[test]
fn every_dependency_is_licensed_permissively_and_comes_from_the_registry() {
    let metadata = MetadataCommand::new().exec().expect("this is a cargo workspace");
    for package in &metadata.packages {
        let licence = package.license.as_deref().unwrap_or_default();
        assert!(is_allowed(licence), "{} is licensed `{licence}`", package.name);
        if let Some(source) = &package.source {
            assert!(source.is_crates_io(), "{} comes from {source}", package.name);
        }
    }
}

#[test]
fn tls_is_rustls_over_ring() {
    let metadata = MetadataCommand::new().exec().expect("this is a cargo workspace");
    let names: BTreeSet<&str> = metadata.packages.iter().map(|package| &**package.name).collect();
    for other in ["openssl", "openssl-sys", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!names.contains(other), "{other}");
    }
    assert!(names.contains("ring"));
}
