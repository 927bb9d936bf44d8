//! What a server of NATS asks for before it lets anybody in: credentials, certificates.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use tempfile::TempDir;
use wirebench_store::{Store, StoreError};

use crate::nats_server::NatsServer;
use crate::support::{keyed, new_places, patient};

/// Writes a file, and returns its path.
fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    file.display().to_string()
}

/// Appends a message to a feed of the backbone at this address. Returns its number.
async fn append(url: &str) -> Result<u64, StoreError> {
    let feed = Store::open(&url.parse().unwrap(), &patient(), ()).await?.feed("bench").await?;
    Ok(new_places(&feed.append(&[keyed("1", url)]).await?)[0])
}

/// Returns a token whose content is signed by this key (RFC 7519, with the algorithm of NATS).
fn signed(signer: &KeyPair, subject: &KeyPair, nats: &str) -> String {
    let (issuer, subject) = (signer.public_key(), subject.public_key());
    let claims = format!(
        r#"{{"jti":"1","iat":1,"iss":"{issuer}","name":"test","sub":"{subject}","nats":{nats}}}"#
    );
    let encoded = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
    let head = encoded(br#"{"typ":"JWT","alg":"ed25519-nkey"}"#);
    let content = format!("{head}.{}", encoded(claims.as_bytes()));
    let signature = signer.sign(content.as_bytes()).unwrap();
    format!("{content}.{}", encoded(&signature))
}

fn account(limits: &str) -> String {
    format!(
        r#"{{"limits":{{"subs":-1,"data":-1,"payload":-1,"imports":-1,"exports":-1,"wildcards":true,
        "conn":-1,"leaf":-1{limits}}},"type":"account","version":2}}"#
    )
}

/// Returns the configuration of a server that lets in whoever has a token of this account, and the
/// credentials of such a user.
fn operator_and_credentials() -> (String, String) {
    let [operator, system, feeds, user] = [
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    ];
    let jetstream = r#","mem_storage":-1,"disk_storage":-1,"streams":-1,"consumer":-1"#;
    let (system_id, feeds_id) = (system.public_key(), feeds.public_key());
    let configuration = format!(
        "operator: {}\nsystem_account: {system_id}\nresolver: MEMORY\nresolver_preload: {{\n\
         {system_id}: {}\n{feeds_id}: {}\n}}\n",
        signed(&operator, &operator, r#"{"type":"operator","version":2}"#),
        signed(&operator, &system, &account("")),
        signed(&operator, &feeds, &account(jetstream)),
    );
    let rights =
        r#"{"pub":{},"sub":{},"subs":-1,"data":-1,"payload":-1,"type":"user","version":2}"#;
    let credentials = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        signed(&feeds, &user, rights),
        user.seed().unwrap(),
    );
    (configuration, credentials)
}

#[tokio::test]
async fn a_file_of_credentials_lets_in_and_another_one_does_not() {
    let folder = TempDir::new().unwrap();
    let (configuration, credentials) = operator_and_credentials();
    let (_, of_others) = operator_and_credentials();
    let configuration = write(&folder, "configuration", &configuration);
    let Some(server) = NatsServer::start_with(&["-js", "--config", &configuration]) else { return };
    let with = |file: String| format!("{}?credentials={file}", server.url());
    assert_eq!(append(&with(write(&folder, "own.creds", &credentials))).await, Ok(1));

    let error = append(&server.url()).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("authorization"), "{error}");
    let error = append(&with(write(&folder, "other.creds", &of_others))).await.unwrap_err();
    assert!(error.to_string().to_lowercase().contains("authorization"), "{error}");
    let missing = folder.path().join("missing.creds").display().to_string();
    let error = append(&with(missing.clone())).await.unwrap_err().to_string();
    assert!(error.contains("cannot read the credentials") && error.contains(&missing), "{error}");
    let seed = credentials.lines().find(|line| line.starts_with("SU")).unwrap();
    assert!(!error.contains(seed), "{error}");
}

#[tokio::test]
async fn over_tls_the_certificates_of_both_ends_are_checked() {
    let folder = TempDir::new().unwrap();
    let certificate = |name: &str| {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pem = write(&folder, &format!("{name}.pem"), &made.cert.pem());
        (pem, write(&folder, &format!("{name}.key"), &made.signing_key.serialize_pem()))
    };
    let ((server_pem, server_key), (client_pem, client_key)) =
        (certificate("server"), certificate("client"));
    let arguments = ["-js", "--tls", "--tlscert", &server_pem, "--tlskey", &server_key];
    let Some(server) = NatsServer::start_with(&arguments) else { return };
    let tls = |server: &NatsServer| server.url().replace("nats://", "tls://");
    assert_eq!(append(&format!("{}?tls-ca={server_pem}", tls(&server))).await, Ok(1));
    // The certificate authority alone says that TLS is wanted.
    assert_eq!(append(&format!("{}?tls-ca={server_pem}", server.url())).await, Ok(2));
    for untrusting in [tls(&server), format!("{}?tls-ca={client_pem}", tls(&server))] {
        let error = append(&untrusting).await.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
    }

    let verifies = [&arguments[..], &["--tlsverify", "--tlscacert", &client_pem]].concat();
    let Some(server) = NatsServer::start_with(&verifies) else { return };
    let anonymous = format!("{}?tls-ca={server_pem}", tls(&server));
    assert!(append(&anonymous).await.is_err(), "it shows no certificate");
    let shown = |pem: &str, key: &str| format!("{anonymous}&tls-cert={pem}&tls-key={key}");
    assert_eq!(append(&shown(&client_pem, &client_key)).await, Ok(1));
    assert!(append(&shown(&server_pem, &server_key)).await.is_err(), "that of somebody else");
}
