//! The ways to speak HTTP to a server, over all of which everything has to hold.

use std::fmt;

use wirebench_loadgen::{Dialer, HttpClient};
use wirebench_protocol::Transport;
use wirebench_scenario::{Connections, Http, Link};

/// A version, with or without TLS, over connections of one's own or shared ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Manner(pub(crate) Http);

impl Manner {
    /// All that there are.
    pub(crate) fn all() -> [Self; 5] {
        let manner =
            |version, tls, connections| Self(Http { version, tls, connections, ..Http::default() });
        [
            manner(1, false, Connections::Own),
            manner(1, true, Connections::Own),
            manner(2, false, Connections::Own),
            manner(2, true, Connections::Own),
            manner(2, true, Connections::Shared),
        ]
    }

    /// A client that speaks in this manner, over no link.
    pub(crate) fn client(self) -> HttpClient {
        self.client_over(Link::default())
    }

    /// A client that speaks in this manner over an emulated link.
    pub(crate) fn client_over(self, link: Link) -> HttpClient {
        HttpClient::new(Dialer::new(link, 1), self.0)
    }
}

/// Every transport in every manner.
pub(crate) fn cases() -> impl Iterator<Item = (Transport, Manner)> {
    let manners = Manner::all();
    manners
        .into_iter()
        .flat_map(|m| Transport::ALL.into_iter().map(move |transport| (transport, m)))
}

impl fmt::Display for Manner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Http { version, tls, connections, .. } = self.0;
        let tls = if tls { " with TLS" } else { "" };
        write!(f, "HTTP/{version}{tls}, {} connections", connections.name())
    }
}
