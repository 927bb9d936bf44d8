//! Proxies in front of the server: which are trusted, and for which client they ask.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

/// The proxies that are trusted to say for which client they ask. The default trusts none.
///
/// The headers of other peers are ignored, because anybody can write them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    networks: Vec<IpNetwork>,
    header: ForwardedHeader,
    proxy_protocol: bool,
}

/// The header in which the trusted proxies name their client. Only one header is read: a proxy that
/// sets one of them may pass on the other as its client sent it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For: client, proxy`, the usual header.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239).
    Forwarded,
}

/// An IP address, or a network of them: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpNetwork(IpNet);

/// Text that is neither an IP address nor a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a network, such as `127.0.0.1` or `10.0.0.0/8`")]
pub struct InvalidNetwork;

impl FromStr for IpNetwork {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let address = text.parse().map(|address: IpAddr| IpNet::from(address.to_canonical()));
        address.or_else(|_| text.parse()).map(Self).map_err(|_| InvalidNetwork)
    }
}

impl Proxies {
    /// Trusts the proxies in these networks to name their client in this header.
    pub fn new(networks: impl IntoIterator<Item = IpNetwork>, header: ForwardedHeader) -> Self {
        Self { networks: networks.into_iter().collect(), header, proxy_protocol: false }
    }

    /// If true, the trusted proxies must begin each connection with a header of the PROXY protocol,
    /// version 2. A connection without it is closed. The connection then belongs to the client and
    /// has its limits.
    #[must_use]
    pub fn with_proxy_protocol(mut self, proxy_protocol: bool) -> Self {
        self.proxy_protocol = proxy_protocol;
        self
    }

    /// Returns true if a connection from this address must begin with a header of the PROXY
    /// protocol.
    pub(crate) fn announce(&self, address: IpAddr) -> bool {
        self.proxy_protocol && self.trust(address)
    }

    /// Returns true if a proxy at this address is trusted.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.0.contains(&address))
    }

    /// Returns the address for which a trusted proxy at `peer` asks.
    ///
    /// Each proxy adds the address of its peer at the end of the header. The client is therefore
    /// the last address that does not belong to a trusted proxy. What stands before it was written
    /// by the client and means nothing. If the chain breaks off, because there is no header or no
    /// address in it, the proxy before the break is taken for the client.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for value in headers.get_all(self.header.name()).iter().rev() {
            for element in value.as_bytes().rsplit(|byte| *byte == b',') {
                let Some(address) = self.header.address(element) else { return client };
                client = address;
                if !self.trust(address) {
                    return client;
                }
            }
        }
        client
    }
}

impl ForwardedHeader {
    fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    /// Returns the address in one element of the header. `None` if it has no address, or does not
    /// disclose it (`unknown`, `_hidden`).
    ///
    /// A quoted string that contains a comma or a semicolon is not understood and ends the chain.
    /// No address contains one.
    fn address(self, element: &[u8]) -> Option<IpAddr> {
        let text = std::str::from_utf8(element).ok()?;
        match self {
            Self::XForwardedFor => node(text.trim()),
            Self::Forwarded => text.split(';').find_map(|pair| {
                let (key, value) = pair.split_once('=')?;
                key.trim().eq_ignore_ascii_case("for").then(|| node(value.trim().trim_matches('"')))
            })?,
        }
    }
}

/// Parses an address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|at: SocketAddr| at.ip()));
    address.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const PEER: &str = "127.0.0.1";

    fn client(header: ForwardedHeader, name: &'static str, lines: &[&'static str]) -> String {
        let networks = [PEER, "10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_static(line));
        }
        let proxies = Proxies::new(networks, header);
        proxies.client(PEER.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn the_client_is_the_last_address_that_belongs_to_no_trusted_proxy() {
        for (lines, expected) in [
            (&[][..], PEER),
            (&["192.0.2.1"], "192.0.2.1"),
            (&["1.2.3.4, 192.0.2.1"], "192.0.2.1"),
            (&["127.0.0.1,192.0.2.1:4711 , 10.1.2.3"], "192.0.2.1"),
            (&["1.2.3.4", "192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1", "10.1.2.3, fd00::1"], "192.0.2.1"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:80"], "2001:db8::1"),
            (&["::ffff:192.0.2.1"], "192.0.2.1"),
            (&["192.0.2.1, unknown"], PEER),
            (&["192.0.2.1, unknown, 10.1.2.3"], "10.1.2.3"),
            (&[""], PEER),
            (&["10.9.9.9, 10.1.2.3"], "10.9.9.9"),
        ] {
            let found = client(ForwardedHeader::XForwardedFor, "x-forwarded-for", lines);
            assert_eq!(found, expected, "{lines:?}");
        }
    }

    #[test]
    fn the_header_of_the_rfc_is_read_only_if_it_is_chosen() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["for=1.2.3.4, by=10.0.0.1;For=\"192.0.2.1:80\";proto=http"], "192.0.2.1"),
            (&["for=\"[2001:db8::1]:80\", for=10.1.2.3"], "2001:db8::1"),
            (&["for=192.0.2.1, for=_hidden"], PEER),
            (&["for=192.0.2.1, proto=http"], PEER),
        ] {
            let found = client(ForwardedHeader::Forwarded, "forwarded", lines);
            assert_eq!(found, expected, "{lines:?}");
        }
        let one = client(ForwardedHeader::XForwardedFor, "forwarded", &["for=192.0.2.1"]);
        let other = client(ForwardedHeader::Forwarded, "x-forwarded-for", &["192.0.2.1"]);
        assert_eq!((&*one, &*other), (PEER, PEER));
    }

    #[test]
    fn a_network_is_an_address_or_has_a_prefix_length() {
        for text in ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"] {
            assert!(text.parse::<IpNetwork>().is_ok(), "{text}");
        }
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0/8"] {
            assert_eq!(text.parse::<IpNetwork>(), Err(InvalidNetwork), "{text}");
        }
    }
}
