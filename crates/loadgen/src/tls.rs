//! TLS of a subscriber, and the certificates that it trusts.

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

/// The TLS side of a client: its configuration and the certificates that it trusts. Clones share
/// both.
#[derive(Clone)]
pub struct TlsClient(Arc<TlsConfigs>);

/// The certificates that a client trusts, as the command line names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TrustedCertificates {
    /// Those that the root certificates of the system vouch for.
    #[default]
    System,
    /// Those, and those that the root certificates in this PEM file vouch for.
    File(PathBuf),
    /// Exactly this certificate, in PEM.
    Pinned(String),
    /// Every certificate: encrypted, but perhaps to the wrong server.
    Any,
}

/// Why trusted certificates could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A certificate cannot be read.
    #[error("cannot read a certificate from {from}: {why}")]
    Certificate {
        /// The place that should hold it.
        from: String,
        /// What is wrong with it.
        why: String,
    },
    /// The system has no root certificates, and no file of them was named.
    #[error("the system has no root certificates{why}: name a file of them with `--ca`")]
    NoRoots {
        /// The first error of the system, in parentheses. Empty if it reported none.
        why: String,
    },
}

/// One configuration for each version of HTTP, because the handshake agrees on the version.
struct TlsConfigs {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
}

impl TlsClient {
    /// Creates a client that trusts these certificates. Reads files.
    ///
    /// # Errors
    ///
    /// [`TrustError`] if a certificate cannot be read. A certificate of the system that cannot be
    /// read is skipped.
    pub fn new(trusted: &TrustedCertificates) -> Result<Self, TrustError> {
        match trusted {
            TrustedCertificates::System => Self::roots(None),
            TrustedCertificates::File(path) => Self::roots(Some(path)),
            TrustedCertificates::Pinned(pem) => Self::pinned(pem),
            TrustedCertificates::Any => Ok(Self::verified_by(None)),
        }
    }

    /// Creates a client that trusts exactly this certificate, in PEM, whatever names and dates it
    /// carries. A server that signs its own certificate prints it in its ready line.
    ///
    /// # Errors
    ///
    /// [`TrustError::Certificate`].
    pub fn pinned(pem: &str) -> Result<Self, TrustError> {
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| {
            TrustError::Certificate { from: "the ready line".to_owned(), why: error.to_string() }
        })?;
        Ok(Self::verified_by(Some(certificate)))
    }

    /// Trusts what the root certificates of the system, or those in the PEM file `further`, vouch
    /// for.
    fn roots(further: Option<&Path>) -> Result<Self, TrustError> {
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
        Ok(Self::configured(|| {
            builder().with_root_certificates(roots.clone()).with_no_client_auth()
        }))
    }

    /// Trusts this certificate, or every certificate if it is `None`.
    fn verified_by(certificate: Option<CertificateDer<'static>>) -> Self {
        let verifier = Arc::new(LenientVerifier { certificate, provider: provider() });
        Self::configured(|| {
            let verifier = Arc::clone(&verifier);
            builder().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
        })
    }

    fn configured(config: impl Fn() -> ClientConfig) -> Self {
        let speaking = |protocol: &str| {
            let mut config = config();
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            // Subscribers stand for different users: none resumes the session of another, and each
            // pays for a whole handshake.
            config.resumption = Resumption::disabled();
            Arc::new(config)
        };
        Self(Arc::new(TlsConfigs { http1: speaking("http/1.1"), http2: speaking("h2") }))
    }

    /// Speaks TLS over `io` to the server at `authority`, and agrees on `version` of HTTP.
    pub(crate) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: S,
        authority: &str,
        version: u8,
    ) -> io::Result<TlsStream<S>> {
        let config = if version == 2 { &self.0.http2 } else { &self.0.http1 };
        let name = server_name(authority)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, io).await?;
        if version == 2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::other("the server does not speak HTTP/2 over TLS"));
        }
        Ok(stream)
    }
}

/// Two clients are equal if they are clones of each other.
impl PartialEq for TlsClient {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TlsClient {}

impl fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsClient")
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
        return Err(unreadable("it contains none".to_owned()));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(())
}

/// Returns the host of an authority, without its port.
fn server_name(authority: &str) -> io::Result<ServerName<'static>> {
    let parsed: http::uri::Authority = authority.parse().map_err(io::Error::other)?;
    let host = parsed.host().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// Trusts one certificate, or all of them, but always checks that the server holds the private key.
#[derive(Debug)]
struct LenientVerifier {
    /// `None` trusts every certificate.
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for LenientVerifier {
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
