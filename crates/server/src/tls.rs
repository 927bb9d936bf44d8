//! TLS for the server: a certificate and its key, from files or made on the spot.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// What a server proves itself with. Speaks TLS 1.2 and 1.3, and offers HTTP/2 before HTTP/1.1 (ALPN,
/// RFC 7301).
#[derive(Clone)]
pub struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    certificate: String,
}

/// Why a server cannot speak TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it should be.
    #[error("cannot read {what} from `{path}`: {source}")]
    Pem {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: String,
        /// What is wrong.
        source: pem::Error,
    },
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("cannot use this certificate with this key: {0}")]
    Unfit(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

impl Tls {
    /// From PEM files: a chain of certificates, the server's own first, and its private key.
    ///
    /// # Errors
    /// A file that cannot be read, or a key that does not belong to the certificate.
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

    /// A certificate of its own making for these host names and addresses: for trying out, and for
    /// measuring. Clients have to be given it.
    ///
    /// # Errors
    /// A name that no certificate can have.
    pub fn self_signed(names: impl IntoIterator<Item = String>) -> Result<Self, TlsError> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(names.into_iter().collect::<Vec<_>>())?;
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        Self::new(vec![cert.der().clone()], key, cert.pem())
    }

    /// The certificates in PEM, for clients that are to trust them.
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

/// Never shows the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Tls").finish_non_exhaustive()
    }
}
