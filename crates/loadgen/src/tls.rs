//! TLS of a subscriber, and whom it believes to be the server.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{self, CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// Whose certificates are believed. A handle: clones are the same.
#[derive(Clone)]
pub struct Trust(Arc<Configs>);

/// A certificate that cannot be trusted because it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Not a certificate.
    #[error("cannot read a certificate from {from}: {why}")]
    Certificate {
        /// Where it was looked for.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system has no certificates to believe.
    #[error("the system has no root certificates{why}: name a file of them with `--ca`")]
    NoRoots {
        /// What was met with, if anything.
        why: String,
    },
}

/// One for each version of HTTP, since the handshake says which is spoken.
struct Configs {
    one: Arc<ClientConfig>,
    two: Arc<ClientConfig>,
}

impl Trust {
    /// Exactly the holder of this certificate, in PEM, whatever names and dates it carries: as a server
    /// that signs for itself gives it in its ready line.
    ///
    /// # Errors
    ///
    /// [`TrustError::Certificate`].
    pub fn pinned(pem: &str) -> Result<Self, TrustError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
            TrustError::Certificate { from: "the ready line".to_owned(), why: error.to_string() }
        })?;
        Ok(Self::by(Lenient { certificate: Some(certificate), provider: provider() }))
    }

    /// Whoever the system's root certificates vouch for, or those in the PEM file `further`.
    ///
    /// # Errors
    ///
    /// [`TrustError`]. That one of the system's certificates cannot be read is none.
    pub fn roots(further: Option<&Path>) -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if let Some(path) = further {
            add_file(&mut roots, path)?;
        }
        if roots.is_empty() {
            let why = system.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(TrustError::NoRoots { why });
        }
        Ok(Self::new(|| builder().with_root_certificates(roots.clone()).with_no_client_auth()))
    }

    /// Anybody at all: encrypted, but perhaps to the wrong one.
    pub fn anybody() -> Self {
        Self::by(Lenient { certificate: None, provider: provider() })
    }

    fn by(verifier: Lenient) -> Self {
        let verifier = Arc::new(verifier);
        Self::new(|| {
            let verifier = Arc::clone(&verifier);
            builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        })
    }

    fn new(config: impl Fn() -> ClientConfig) -> Self {
        let speaking = |protocol: &str| {
            let mut config = config();
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            // Subscribers are strangers to each other: none resumes the session of another, and each
            // pays for a whole handshake.
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        Self(Arc::new(Configs { one: speaking("http/1.1"), two: speaking("h2") }))
    }

    /// Speaks TLS over `io` to the server of that authority, and agrees on a version of HTTP.
    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        authority: &str,
        version: u8,
    ) -> io::Result<TlsStream<S>> {
        let config = if version == 2 { &self.0.two } else { &self.0.one };
        let name = server_name(authority)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, io).await?;
        if version == 2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the server does not speak HTTP/2 over TLS"));
        }
        Ok(stream)
    }
}

/// Whom to believe, as the command line says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Believe {
    /// Whoever the system's root certificates vouch for.
    #[default]
    System,
    /// Those, or the root certificates in this PEM file.
    File(PathBuf),
    /// Exactly the holder of this certificate, in PEM.
    Certificate(String),
    /// Anybody.
    Anybody,
}

impl Believe {
    /// As TLS needs it. Reads files.
    ///
    /// # Errors
    ///
    /// [`TrustError`].
    pub fn trust(&self) -> Result<Trust, TrustError> {
        match self {
            Self::System => Trust::roots(None),
            Self::File(path) => Trust::roots(Some(path)),
            Self::Certificate(pem) => Trust::pinned(pem),
            Self::Anybody => Ok(Trust::anybody()),
        }
    }
}

/// Only the same handle is the same trust.
impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn builder()
-> tokio_rustls::rustls::ConfigBuilder<ClientConfig, tokio_rustls::rustls::WantsVerifier> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring has cipher suites for TLS 1.2 and 1.3")
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let unreadable = |why: String| {
        let from = format!("`{}`", path.display());
        TrustError::Certificate { from, why }
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable("there is none in it".to_owned()));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(())
}

/// The host of an authority, without its port.
fn server_name(authority: &str) -> io::Result<ServerName<'static>> {
    let parsed: http::uri::Authority = authority.parse().map_err(io::Error::other)?;
    let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// Believes one certificate, or all of them, but always checks that the server holds its key.
#[derive(Debug)]
struct Lenient {
    /// `None` for all.
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.certificate {
            Some(certificate) if certificate != end_entity => {
                Err(CertificateError::UnknownIssuer.into())
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
