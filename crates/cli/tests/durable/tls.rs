//! TLS to a database.

use crate::history::History;
use crate::publisher::{Publisher, Way};
use crate::servers::{DatabaseServer, ServerCertificate, ServerKind};
use crate::start::expect_refusal;
use crate::stores::serve_from;
use crate::support::Served;

/// The parameters of a URL, as the two databases call them.
struct Parameters {
    /// No encryption.
    off: &'static str,
    /// Encryption with whoever answers.
    on: &'static str,
    /// Encryption with a server whose certificate is trusted and has the name of the host.
    verified: &'static str,
    /// The certificate to trust.
    trusted: &'static str,
}

fn parameters_of(kind: ServerKind) -> Parameters {
    match kind {
        ServerKind::Postgres => Parameters {
            off: "sslmode=disable",
            on: "sslmode=require",
            verified: "sslmode=verify-full",
            trusted: "sslrootcert",
        },
        ServerKind::MariaDb => Parameters {
            off: "ssl-mode=DISABLED",
            on: "ssl-mode=REQUIRED",
            verified: "ssl-mode=VERIFY_IDENTITY",
            trusted: "ssl-ca",
        },
    }
}

/// The database takes no connections over TCP but those over TLS.
async fn a_database_is_reached_over_tls(kind: ServerKind) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let tls = ServerCertificate { certificate: &certificate, key: &key };
    let Some(database) = DatabaseServer::start_with(kind, Some(tls)).await else { return };
    database.create("feeds");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, pem).unwrap();
        file.display().to_string()
    };
    let url = database.tls_url("feeds");
    let Parameters { off, on, verified, trusted } = parameters_of(kind);
    let its_own = file("own.pem", &certificate);
    let mut publishers = Vec::new();
    for parameters in [String::new(), format!("?{on}"), format!("?{verified}&{trusted}={its_own}")]
    {
        let served = Served::of(&mut serve_from(&format!("{url}{parameters}"), &[]));
        let mut publisher = Publisher::new(&publishers.len().to_string(), Way::Post, true);
        publisher.publish(served.url(), 3).await;
        publishers.push(publisher);
        History::read(served.url()).await.check(&publishers);
    }

    let refusal_in_the_clear = match kind {
        ServerKind::Postgres => "no encryption",
        // The same user is let in over TLS.
        ServerKind::MariaDb => "Access denied",
    };
    expect_refusal(&format!("{url}?{off}"), refusal_in_the_clear);
    expect_refusal(&format!("{url}?{verified}"), "certificate");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let other = file("other.pem", &other);
    expect_refusal(&format!("{url}?{verified}&{trusted}={other}"), "certificate");
    let by_number = url.replace("localhost:", "127.0.0.1:");
    expect_refusal(&format!("{by_number}?{verified}&{trusted}={its_own}"), "certificate");
}

#[tokio::test]
async fn postgres_is_reached_over_tls() {
    a_database_is_reached_over_tls(ServerKind::Postgres).await;
}

#[tokio::test]
async fn mariadb_is_reached_over_tls() {
    a_database_is_reached_over_tls(ServerKind::MariaDb).await;
}
