//! Which feed on which server a subscriber wants: a URL or a target file, parsed and resolved once.

mod error;
mod foreign;
mod foreign_check;
mod left_out;
mod secrets;
mod server_url;
mod transport_keys;

use std::net::SocketAddr;
use std::sync::Arc;

use crate::tls::{TlsClient, TrustedCertificates};

pub use error::TargetError;
pub(crate) use foreign::Values;
pub use foreign::{ForeignFeed, ForeignTarget};
pub(crate) use server_url::{ServerUrl, parse, resolve};

/// The feed that a URL without a feed stands for.
pub const DEFAULT_FEED: &str = "bench";

/// A feed on a server whose address is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// `host:port`, as the header `Host` carries it.
    pub authority: String,
    /// Where connections go: the first address of the host when it was resolved.
    pub address: SocketAddr,
    /// The name of the feed.
    pub feed: String,
    /// Encrypts the connections. `None` speaks without TLS.
    pub tls: Option<TlsClient>,
    /// How to subscribe to a feed of a target server. `None`: the server is this project's.
    pub foreign: Option<Arc<ForeignTarget>>,
    /// The same feed on further servers, which have none themselves. Subscribers take turns among all
    /// of them.
    pub others: Vec<Self>,
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
        let (authority, others) = (authority.to_string(), Vec::new());
        Ok(Self { authority, address, feed, tls, foreign: None, others })
    }

    /// Returns the server with this number, modulo the number of servers. A subscriber begins at the
    /// server of its own number.
    pub fn server(&self, number: usize) -> &Self {
        match number % (1 + self.others.len()) {
            0 => self,
            other => &self.others[other - 1],
        }
    }

    /// Prepares a feed of a target server, and resolves its host. All URLs of the
    /// transport have to name the same server.
    ///
    /// # Errors
    ///
    /// [`TargetError::File`] if the target does not have the transport, or if a value of it cannot
    /// be used, such as a template whose variable of the environment is not set;
    /// [`TargetError::Unresolved`] and [`TargetError::Trust`] as for a URL.
    pub async fn of_foreign(
        feed: ForeignFeed,
        trusted: &TrustedCertificates,
    ) -> Result<Self, TargetError> {
        let foreign = ForeignTarget::new(feed)?;
        let ServerUrl { authority, encrypted, .. } = foreign.server()?;
        Ok(Self {
            address: resolve(&authority, encrypted).await?,
            authority: authority.to_string(),
            feed: foreign.file().name().to_owned(),
            tls: encrypted.then(|| TlsClient::new(trusted)).transpose()?,
            foreign: Some(Arc::new(foreign)),
            others: Vec::new(),
        })
    }
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
    async fn subscribers_take_turns_among_the_servers() {
        let mut target = Target::resolve("http://127.0.0.1:1").await.unwrap();
        let port = |target: &Target, number| target.server(number).address.port();
        assert_eq!([0, 1, 7].map(|number| port(&target, number)), [1; 3]);
        for port in [2, 3] {
            target.others.push(Target::resolve(&format!("http://127.0.0.1:{port}")).await.unwrap());
        }
        assert_eq!([0, 1, 2, 3, 4, 5].map(|number| port(&target, number)), [1, 2, 3, 1, 2, 3]);
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
