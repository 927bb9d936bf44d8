//! Connects subscribers by the version of HTTP that the run asks for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use parking_lot::Mutex;
use wirebench_scenario::{ConnectionSharing, Headers, HttpSettings};

use super::connection::{ClientConnection, Protocol};
use super::deadline::Deadline;
use super::headers::{RequestHeaders, RequestKind, headers};
use super::http1::Http1;
use super::http2::Http2;
use super::pool::Pool;
use crate::dial::{Arrivals, CrossedBytes, Dialer};
use crate::error::SubscribeError;
use crate::target::{ForeignTarget, Target};

/// The maximum time from dialling to the first answer, without the delay of an emulated link.
pub(crate) const OPENING_TIMEOUT: Duration = Duration::from_secs(10);

/// How often an opening may cross the link and back: TCP, TLS twice, settings, the request.
const OPENING_ROUND_TRIPS: u32 = 5;

/// A client for many subscribers: it opens their connections, or lets them share some.
#[derive(Debug)]
pub struct HttpClient {
    dialer: Dialer,
    http: HttpSettings,
    /// What every request carries besides, or in place of, the headers of its kind.
    more: HeaderMap,
    /// The shared connections. A sibling has its own pool: they belong to its event loop.
    pool: Pool,
    /// The headers that were asked for last, for each server and each kind of request. All subscribers
    /// share them.
    prepared: Mutex<Vec<Prepared>>,
}

/// Headers, and what they were made for.
#[derive(Debug)]
struct Prepared {
    profile: Headers,
    kind: RequestKind,
    authority: String,
    tls: bool,
    foreign: Option<Arc<ForeignTarget>>,
    headers: RequestHeaders,
}

impl Prepared {
    /// Returns true if these are the headers for a request of this kind.
    fn fits(&self, profile: Headers, target: &Target, kind: RequestKind) -> bool {
        let alike = match (&self.foreign, &target.foreign) {
            (None, None) => true,
            (Some(known), Some(foreign)) => Arc::ptr_eq(known, foreign),
            (None, Some(_)) | (Some(_), None) => false,
        };
        alike
            && self.kind == kind
            && self.profile == profile
            && self.tls == target.tls.is_some()
            && self.authority == target.authority
    }
}

impl HttpClient {
    /// Creates a client that dials through `dialer`. Whether it speaks TLS is a property of the
    /// target, not of `http`.
    pub fn new(dialer: Dialer, http: HttpSettings) -> Self {
        Self::with_headers(dialer, http, HeaderMap::new())
    }

    /// Creates a client whose requests carry further headers. They replace those of the same name.
    pub fn with_headers(dialer: Dialer, http: HttpSettings, more: HeaderMap) -> Self {
        Self { dialer, http, more, pool: Pool::default(), prepared: Mutex::default() }
    }

    /// Creates a client for another worker. Both count connections together, and bytes apart.
    #[must_use]
    pub fn sibling(&self, seed: u64) -> Self {
        Self::with_headers(self.dialer.sibling(seed), self.http, self.more.clone())
    }

    /// Returns the dialer, which has counted all connections of this client.
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Dials `target`, or joins a connection that is shared. Opening and the first answer together
    /// may take 10 s and what the link adds.
    ///
    /// # Errors
    ///
    /// [`SubscribeError::Connect`].
    pub(crate) async fn connect(
        &self,
        target: &Target,
    ) -> Result<ClientConnection, SubscribeError> {
        let within = OPENING_TIMEOUT + OPENING_ROUND_TRIPS * self.dialer.round_trip();
        let deadline = Deadline::new(within);
        let opened = self.open(target, within).await;
        let (protocol, arrivals, crossed) =
            opened.map_err(|source| SubscribeError::Connect { address: target.address, source })?;
        Ok(ClientConnection::new(protocol, arrivals, crossed, deadline, within))
    }

    /// The bytes of a connection that others share are not those of the subscriber.
    async fn open(
        &self,
        target: &Target,
        within: Duration,
    ) -> io::Result<(Protocol, Arrivals, Option<CrossedBytes>)> {
        let HttpSettings { version, connections, .. } = self.http;
        if version == 2 && connections == ConnectionSharing::Shared {
            let joined = Box::pin(self.pool.join(&self.dialer, target, within)).await?;
            let arrivals = joined.arrivals.clone();
            let http = Http2::shared(joined, target)?;
            return Ok((Protocol::Http2(Box::new(http)), arrivals, None));
        }
        let connection = self.dialer.connect(target, version).await?;
        let (arrivals, crossed) = (connection.arrivals(), connection.crossed());
        let protocol = if version == 2 {
            Protocol::Http2(Box::new(Box::pin(Http2::own(connection, target)).await?))
        } else {
            Protocol::Http1(Box::new(Http1::new(connection)))
        };
        Ok((protocol, arrivals, Some(crossed)))
    }

    /// Returns the headers of a request of this kind to `target`.
    pub(crate) fn headers(
        &self,
        profile: Headers,
        target: &Target,
        kind: RequestKind,
    ) -> RequestHeaders {
        let mut prepared = self.prepared.lock();
        if let Some(known) = prepared.iter().find(|known| known.fits(profile, target, kind)) {
            return known.headers.clone();
        }
        let mut map = headers(profile, self.http.version, target, kind);
        map.extend(self.more.clone());
        let headers = RequestHeaders::new(map);
        prepared.retain(|known| known.kind != kind || known.authority != target.authority);
        prepared.push(Prepared {
            profile,
            kind,
            authority: target.authority.clone(),
            tls: target.tls.is_some(),
            foreign: target.foreign.clone(),
            headers: headers.clone(),
        });
        headers
    }
}
