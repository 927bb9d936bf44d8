//! The variants of HTTP, over all of which the tests have to pass.

use std::fmt;

use wirebench_loadgen::{Dialer, HttpClient};
use wirebench_protocol::Transport;
use wirebench_scenario::{ConnectionSharing, HttpSettings, LinkSettings};

/// A version of HTTP, with or without TLS, over a connection for each subscriber or shared ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HttpVariant(pub(crate) HttpSettings);

impl HttpVariant {
    /// Returns all variants.
    pub(crate) fn all() -> [Self; 5] {
        let variant = |version, tls, connections| {
            Self(HttpSettings { version, tls, connections, ..HttpSettings::default() })
        };
        [
            variant(1, false, ConnectionSharing::Own),
            variant(1, true, ConnectionSharing::Own),
            variant(2, false, ConnectionSharing::Own),
            variant(2, true, ConnectionSharing::Own),
            variant(2, true, ConnectionSharing::Shared),
        ]
    }

    /// A client that speaks in this variant, over no link.
    pub(crate) fn client(self) -> HttpClient {
        self.client_over(LinkSettings::default())
    }

    /// A client that speaks in this variant over an emulated link.
    pub(crate) fn client_over(self, link: LinkSettings) -> HttpClient {
        HttpClient::new(Dialer::new(link, 1), self.0)
    }
}

/// Returns every transport over every variant of HTTP.
pub(crate) fn cases() -> impl Iterator<Item = (Transport, HttpVariant)> {
    let variants = HttpVariant::all();
    variants
        .into_iter()
        .flat_map(|m| Transport::ALL.into_iter().map(move |transport| (transport, m)))
}

impl fmt::Display for HttpVariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HttpSettings { version, tls, connections, .. } = self.0;
        let tls = if tls { " with TLS" } else { "" };
        write!(f, "HTTP/{version}{tls}, {} connections", connections.name())
    }
}
