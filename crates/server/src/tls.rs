//! TLS for the server: a certificate and its key, from files or self-signed.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// The certificate of a server and its key. The server speaks TLS 1.2 and 1.3, and prefers HTTP/2
/// to HTTP/1.1 (ALPN, RFC 7301).
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    certificate: String,
}

/// Why a server cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read.
    #[error("cannot read {what} from `{path}`: {source}")]
    Pem {
        /// What the file should contain.
        what: &'static str,
        /// The file.
        path: String,
        /// What is wrong with the file.
        source: pem::Error,
    },
    /// The certificate does not belong to the key, or one of them is of a kind that is not
    /// supported.
    #[error("cannot use this certificate with this key: {0}")]
    Unfit(#[from] rustls::Error),
    /// A self-signed certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl Tls {
    /// Reads a chain of certificates, the server's own first, and its private key from PEM files.
    ///
    /// # Errors
    /// A file cannot be read, or the key does not belong to the certificate.
    pub fn from_files(certificates: &Path, key: &Path) -> Result<Self, TlsError> {
        let pem = |what, path: &Path| {
            let path = path.display().to_string();
            move |source| TlsError::Pem { what, path, source }
        };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(pem("certificates", certificates))?;
        let text = std::fs::read_to_string(certificates)
            .map_err(|error| pem("certificates", certificates)(pem::Error::Io(error)))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(pem("a private key", key))?;
        Self::new(chain, key, text)
    }

    /// Makes a self-signed certificate for these host names and addresses, for trying things out
    /// and for measuring. Clients need the certificate to trust the server.
    ///
    /// # Errors
    /// A certificate cannot contain one of the names.
    pub fn self_signed(names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names.into_iter().collect::<Vec<_>>())?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        Self::new(vec![cert.der().clone()], key, cert.pem())
    }

    /// Returns the certificates in PEM, for clients that should trust them.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        certificate: String,
    ) -> Result<Self, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }
}

/// Does not print the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}
