//! `docs/proxies.md` quotes the configurations that the tests use, and names tests that exist.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../docs/proxies.md");

const TESTS: [&str; 4] = [
    include_str!("any_program.rs"),
    include_str!("haproxy.rs"),
    include_str!("nginx.rs"),
    include_str!("several_servers.rs"),
];

const CONFIGURATIONS: [&str; 4] = [
    include_str!("../../../../docs/proxies/nginx.conf"),
    include_str!("../../../../docs/proxies/haproxy.cfg"),
    include_str!("../../../../docs/proxies/nginx-several-servers.conf"),
    include_str!("../../../../docs/proxies/haproxy-several-servers.cfg"),
];

/// Returns what stands between single backticks in a Markdown text.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn the_page_quotes_the_files() {
    for configuration in CONFIGURATIONS {
        assert!(PAGE.contains(&format!("\n{configuration}```\n")), "not quoted: {configuration}");
    }
}

#[test]
fn the_page_about_servers_that_share_their_feeds_quotes_its_file() {
    const PAGE: &str = include_str!("../../../../docs/scale.md");
    const CONFIGURATION: &str = include_str!("../../../../docs/proxies/haproxy-shared-feeds.cfg");
    assert!(PAGE.contains(&format!("\n{CONFIGURATION}```\n")));
}

#[test]
fn every_line_of_the_files_has_its_reason() {
    let rows: Vec<_> = PAGE.lines().filter(|line| line.starts_with("| `")).collect();
    for line in CONFIGURATIONS.iter().flat_map(|text| text.lines()) {
        let line = line.trim();
        // Blocks and addresses: no proxy works without them.
        let place = ["server ", "listen ", "bind ", "default_backend ", "proxy_pass ", "frontend "];
        let block = line.is_empty() || line == "}" || line == "defaults" || line.ends_with('{');
        if block || line.starts_with("backend ") || place.iter().any(|p| line.starts_with(p)) {
            continue;
        }
        let line = line.trim_end_matches(';');
        assert!(
            rows.iter().any(|row| code(row).any(|code| code == line)),
            "no reason is given for `{line}`"
        );
    }
}

#[test]
fn the_page_names_all_tests_and_no_others() {
    let tests: BTreeSet<_> = TESTS
        .iter()
        .flat_map(|text| text.split("#[tokio::test]\nasync fn ").skip(1))
        .filter_map(|test| test.split('(').next())
        .collect();
    let named: BTreeSet<_> =
        code(PAGE).filter(|code| code.matches('_').count() > 3 && !code.contains(' ')).collect();
    assert_eq!(named.difference(&tests).collect::<Vec<_>>(), Vec::<&&str>::new(), "no such test");
    assert_eq!(
        tests.difference(&named).collect::<Vec<_>>(),
        Vec::<&&str>::new(),
        "not on the page"
    );
}
