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

/// In what ships, that is: the `DevTools` client of the browser tests brings another, which only they use.
#[test]
fn there_is_one_tungstenite() {
    let metadata = MetadataCommand::new().exec().expect("this is a cargo workspace");
    let graph = metadata.resolve.as_ref().expect("cargo has resolved the dependencies");
    let mut waiting = metadata.workspace_members.clone();
    let mut shipped = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        let node = graph.nodes.iter().find(|node| node.id == id).expect("the graph is whole");
        if shipped.insert(id) {
            let ships = |kind: DependencyKind| kind != DependencyKind::Development;
            let used = node.deps.iter();
            let used = used.filter(|used| used.dep_kinds.iter().any(|how| ships(how.kind)));
            waiting.extend(used.map(|used| used.pkg.clone()));
        }
    }
    let versions: Vec<String> = metadata
        .packages
        .iter()
        .filter(|package| &**package.name == "tungstenite" && shipped.contains(&package.id))
        .map(|package| package.version.to_string())
        .collect();
    assert_eq!(versions.len(), 1, "{versions:?}");
}
