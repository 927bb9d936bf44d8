//! A server at any URL, and how it is asked.

use http::HeaderMap;
use wirebench_scenario::{Headers, HttpSettings, LinkSettings};

use super::error::RawError;
use crate::dial::Dialer;
use crate::error::SubscribeError;
use crate::http::{ClientConnection, HttpClient, RequestHeaders, RequestKind};
use crate::target::{ServerUrl, Target, TargetError, parse, resolve};
use crate::tls::{TlsClient, TrustedCertificates};

/// The server at a URL.
pub(super) struct RawServer {
    client: HttpClient,
    target: Target,
    /// The path and query of the URL.
    pub(super) path: String,
}

impl RawServer {
    /// Resolves the host of a URL (`http://`, `https://`, `ws://` or `wss://`). Every request will
    /// carry the `headers`.
    ///
    /// # Errors
    ///
    /// [`RawError::Target`].
    pub(super) async fn of(
        url: &str,
        trusted: &TrustedCertificates,
        headers: HeaderMap,
    ) -> Result<Self, RawError> {
        let ServerUrl { authority, uri, encrypted } = parse(url)?;
        let address = resolve(&authority, encrypted).await?;
        let tls = encrypted.then(|| TlsClient::new(trusted)).transpose();
        let tls = tls.map_err(TargetError::from)?;
        let (authority, feed) = (authority.to_string(), String::new());
        let dialer = Dialer::new(LinkSettings::default(), 0);
        Ok(Self {
            client: HttpClient::with_headers(dialer, HttpSettings::default(), headers),
            target: Target { authority, address, feed, tls, foreign: None, others: Vec::new() },
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }

    pub(super) async fn connect(&self) -> Result<ClientConnection, SubscribeError> {
        self.client.connect(&self.target).await
    }

    /// Returns the headers of a browser.
    pub(super) fn headers(&self, kind: RequestKind) -> RequestHeaders {
        self.client.headers(Headers::Browser, &self.target, kind)
    }
}
