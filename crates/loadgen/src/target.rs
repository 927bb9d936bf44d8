//! Which feed on which server a subscriber wants: a URL, parsed and resolved once.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;

use crate::tls::{TlsClient, TrustError, TrustedCertificates};

/// The feed that a URL without a feed stands for.
pub const DEFAULT_FEED: &str = "bench";

/// A feed on a server whose address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `host:port`, as the header `Host` carries it.
    pub authority: String,
    /// Where connections go: the first address of the host when it was resolved.
    pub address: SocketAddr,
    /// The name of the feed.
    pub feed: String,
    /// Encrypts the connections. `None` speaks without TLS.
    pub tls: Option<TlsClient>,
}

/// Why a URL cannot be used as a target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL has a form that is not supported.
    #[error(
        "malformed URL `{url}`: expected `http://host:port` or `http://host:port/feeds/{{feed}}`, \
         or the same with `https://`"
    )]
    Malformed {
        /// What was given.
        url: String,
    },
    /// The URL asks for TLS, which the raw client for server-sent events does not speak.
    #[error("`{url}` asks for TLS: only plain `http://` is supported here")]
    Encrypted {
        /// What was given.
        url: String,
    },
    /// The trusted certificates cannot be loaded.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The host has no address.
    #[error("cannot resolve `{host}`")]
    Unresolved {
        /// The host and port.
        host: String,
        /// The error of the resolver. `None` if it found no address.
        #[source]
        source: Option<std::io::Error>,
    },
}

impl TargetError {
    /// Returns true if the URL itself is wrong, so that trying again elsewhere or later cannot
    /// help.
    pub fn is_malformed(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Encrypted { .. })
    }
}

impl Target {
    /// Parses `http://host[:port][/feeds/{feed}[/…]]` (`https://`, `ws://` and `wss://` likewise)
    /// and resolves the host. Without a port, the one of the scheme is used; without a feed,
    /// [`DEFAULT_FEED`]. Over TLS, the root certificates of the system are trusted.
    ///
    /// # Errors
    ///
    /// [`TargetError`] for another form of URL, for a host without an address, and for certificates
    /// that cannot be read.
    pub async fn resolve(url: &str) -> Result<Self, TargetError> {
        Self::resolve_trusting(url, &TrustedCertificates::System).await
    }

    /// The same as [`resolve`](Self::resolve), with other trusted certificates.
    pub async fn resolve_trusting(
        url: &str,
        trusted: &TrustedCertificates,
    ) -> Result<Self, TargetError> {
        let malformed = || TargetError::Malformed { url: url.to_owned() };
        let ServerUrl { authority, uri, encrypted } = parse(url)?;
        let feed = match uri.path() {
            "" | "/" => DEFAULT_FEED.to_owned(),
            path => {
                let feed = path.strip_prefix("/feeds/").ok_or_else(malformed)?;
                let feed = feed.split('/').next().filter(|feed| !feed.is_empty());
                feed.ok_or_else(malformed)?.to_owned()
            }
        };
        let address = resolve(&authority, encrypted).await?;
        let tls = encrypted.then(|| TlsClient::new(trusted)).transpose()?;
        Ok(Self { authority: authority.to_string(), address, feed, tls })
    }
}

/// The parts of a URL that name a server.
#[derive(Debug)]
pub(crate) struct ServerUrl {
    pub(crate) authority: Authority,
    pub(crate) uri: Uri,
    /// The scheme asks for TLS.
    pub(crate) encrypted: bool,
}

/// Parses a URL of one of the four schemes, whatever its path.
pub(crate) fn parse(url: &str) -> Result<ServerUrl, TargetError> {
    let malformed = || TargetError::Malformed { url: url.to_owned() };
    let uri: Uri = url.parse().map_err(|_| malformed())?;
    let encrypted = match uri.scheme_str() {
        Some("http" | "ws") => false,
        Some("https" | "wss") => true,
        _ => return Err(malformed()),
    };
    let authority = uri.authority().cloned().ok_or_else(malformed)?;
    // `http` returns no port for one such as 99999, which would then mean the port of the scheme.
    let names_a_port = authority.as_str().len() > authority.host().len() + ":".len();
    if authority.as_str().contains('@') || (names_a_port && authority.port_u16().is_none()) {
        return Err(malformed());
    }
    Ok(ServerUrl { authority, uri, encrypted })
}

/// Returns the first address of a host.
pub(crate) async fn resolve(
    authority: &Authority,
    encrypted: bool,
) -> Result<SocketAddr, TargetError> {
    let port = authority.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
    let host = authority.host();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let unresolved = |source| TargetError::Unresolved { host: authority.to_string(), source };
    let mut addresses =
        tokio::net::lookup_host((bare, port)).await.map_err(|error| unresolved(Some(error)))?;
    addresses.next().ok_or_else(|| unresolved(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_names_a_server_and_optionally_a_feed() {
        for (url, authority, feed) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", "bench"),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "bench"),
            ("http://127.0.0.1:8080/feeds/chat", "127.0.0.1:8080", "chat"),
            ("ws://[::1]:8080/feeds/chat/websocket?x=1", "[::1]:8080", "chat"),
        ] {
            let target = Target::resolve(url).await.unwrap();
            assert_eq!((&*target.authority, &*target.feed), (authority, feed), "of {url}");
            assert_eq!(target.address.port(), 8080);
            assert!(target.tls.is_none(), "{url} asks for no TLS");
        }
    }

    #[tokio::test]
    async fn the_scheme_decides_whether_tls_is_spoken_and_the_default_port() {
        for (url, port, encrypted) in [
            ("http://127.0.0.1", 80, false),
            ("ws://127.0.0.1", 80, false),
            ("https://127.0.0.1", 443, true),
            ("wss://127.0.0.1:8443/feeds/chat", 8443, true),
        ] {
            let target = Target::resolve_trusting(url, &TrustedCertificates::Any).await.unwrap();
            assert_eq!((target.address.port(), target.tls.is_some()), (port, encrypted), "{url}");
        }
    }

    #[tokio::test]
    async fn an_invalid_certificate_is_reported() {
        let trusted = TrustedCertificates::Pinned("-----BEGIN NOTHING-----".to_owned());
        let error = Target::resolve_trusting("https://127.0.0.1", &trusted).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{error}");
    }

    #[tokio::test]
    async fn a_url_of_another_form_is_rejected() {
        for url in [
            "127.0.0.1:80",
            "ftp://a",
            "http://a/b",
            "http://a/feeds/",
            "http://u@a",
            "http://127.0.0.1:99999",
            "http://127.0.0.1:x",
        ] {
            let error = Target::resolve(url).await.expect_err(url);
            assert!(error.is_malformed(), "{url}: {error}");
        }
    }
}
