//! The password of a database is nowhere to be seen.

use std::process::Stdio;

use crate::requests::{poll, post, text, until_accepted};
use crate::servers::{PASSWORD, ServerKind};
use crate::stores::TestStore;
use crate::support::Served;

/// Runs a server that logs as much as it can through everything that its database may do to it, and
/// searches what it writes and answers for the password.
async fn no_output_has_the_password(kind: ServerKind) {
    let Some(mut store) = TestStore::server(kind).await else { return };
    let mut command = store.command(&["--log", "trace"]);
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut served = Served::of(command.stderr(Stdio::from(log.reopen().unwrap())));
    let url = served.url().to_owned();
    assert!(served.ready["store"].as_str().unwrap().contains("wirebench:***@"));
    let mut said = vec![served.ready.to_string()];
    for _ in 0..20 {
        assert_eq!(post(&url, "1").await.status, 201);
    }
    store.server_mut().crash();
    let refused = post(&url, "1").await;
    assert_eq!(refused.status, 503);
    let old = poll(&url, "start").await;
    assert_eq!(old.status, 503);
    said.extend([refused, old].map(|answer| answer.json.to_string()));
    store.server_mut().start_again().await;
    until_accepted(&url, "1").await;
    store.server_mut().sql("feeds", "DROP TABLE wirebench_messages");
    let broken = post(&url, "1").await;
    assert_eq!(broken.status, 503, "{broken:?}");
    said.push(broken.json.to_string());
    let metrics = text(&format!("{url}/metrics")).await;
    assert!(metrics.contains("wirebench_published_total"), "{metrics}");
    said.push(metrics);
    served.signal("TERM");
    let ended = served.child.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    let log = std::fs::read_to_string(log.path()).unwrap();
    assert!(log.contains("feeds are kept in a store"), "{log}");
    said.push(log);
    for said in said {
        assert!(!said.contains(PASSWORD), "{said}");
    }
}

#[tokio::test]
async fn no_output_has_the_password_of_postgres() {
    no_output_has_the_password(ServerKind::Postgres).await;
}

#[tokio::test]
async fn no_output_has_the_password_of_mariadb() {
    no_output_has_the_password(ServerKind::MariaDb).await;
}
