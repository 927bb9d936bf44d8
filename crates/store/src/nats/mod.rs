//! NATS: each feed is a stream of JetStream, which several servers share.
//!
//! A stream numbers the messages and keeps them. It hands each on to every server ("republish"), so
//! that a server reads from it only what it has not heard.

mod failure;
mod feeds;
mod headers;
mod heard;
mod listener;
mod losses;
mod names;
mod stream;
mod tables;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use self::feeds::Feeds;
use self::losses::Losses;
use self::stream::StreamSettings;
use self::tables::NatsTables;
use crate::error::{StoreError, StoreErrorKind};
use crate::observer::StoreObserver;
use crate::options::StoreOptions;
use crate::store_url::{NatsServers, StoreLocation, StoreUrl};
use crate::tables::Tables;

/// The maximum pause between two attempts to connect again.
const MAX_RECONNECT_PAUSE: Duration = Duration::from_millis(500);

/// How often a connection is tried. One over which nothing comes any more, because the server at its
/// other end is frozen or a network is cut, is given up after the third time, and another server is
/// asked.
const PING_EVERY: Duration = Duration::from_secs(2);

/// The maximum number of messages that wait for their acknowledgement. A batch of a writer has 1,024.
const MAX_UNACKNOWLEDGED: usize = 8 * 1024;

/// The maximum number of messages that a listener has heard and not yet looked at.
const MAX_UNHEARD: usize = 64 * 1024;

/// Connects to NATS.
pub(crate) async fn open(
    url: &StoreUrl,
    servers: &NatsServers,
    options: &StoreOptions,
    observer: Arc<dyn StoreObserver>,
) -> Result<Arc<dyn Tables>, StoreError> {
    let attempted = || format!("open the backbone `{url}`");
    let failed = |kind, found: String| StoreError::new(kind, attempted(), found);
    let deadline = options.deadline;
    let (count_losses, losses) = watch::channel(Losses::default());
    let connecting = connect(servers, deadline, count_losses);
    let connected = tokio::time::timeout(deadline, connecting).await.unwrap_or_else(|_| {
        Err((StoreErrorKind::Unavailable, format!("no answer within {deadline:?}")))
    });
    let client = connected.map_err(|(kind, found)| failed(kind, found))?;
    if !client.is_server_compatible(2, 10, 0) {
        let found = format!(
            "the server has version {}; wirebench needs 2.10 or newer, which knows when a stream \
             was created",
            client.server_info().version
        );
        return Err(failed(StoreErrorKind::Other, found));
    }
    let context = ContextBuilder::new()
        .timeout(deadline)
        .ack_timeout(deadline)
        .max_ack_inflight(MAX_UNACKNOWLEDGED)
        .backpressure_on_inflight(true)
        .build(client.clone());
    let settings = StreamSettings { retention: options.retention, replicas: servers.replicas };
    let feeds = Arc::new(Feeds::default());
    Ok(Arc::new(NatsTables { client, context, settings, feeds, observer, losses, deadline }))
}

/// Connects to NATS, for another purpose than a store. `url` is one of NATS, with all its parameters.
/// The client connects again by itself.
///
/// # Errors
///
/// `url` is not one of NATS, or nobody answers within `deadline`.
pub async fn connect_nats(url: &StoreUrl, deadline: Duration) -> Result<Client, StoreError> {
    let attempted = || format!("connect to `{url}`");
    let failed = |kind, found: String| StoreError::new(kind, attempted(), found);
    let StoreLocation::Nats(servers) = &url.0 else {
        let found = "expected `nats://HOST` or `tls://HOST`".to_owned();
        return Err(failed(StoreErrorKind::Other, found));
    };
    // What is lost is the business of who sent it.
    let (count_losses, _) = watch::channel(Losses::default());
    let connected = tokio::time::timeout(deadline, connect(servers, deadline, count_losses)).await;
    connected
        .unwrap_or_else(|_| {
            Err((StoreErrorKind::Unavailable, format!("no answer within {deadline:?}")))
        })
        .map_err(|(kind, found)| failed(kind, found))
}

async fn connect(
    servers: &NatsServers,
    deadline: Duration,
    count_losses: watch::Sender<Losses>,
) -> Result<Client, (StoreErrorKind, String)> {
    let other = |error: &dyn std::fmt::Display| (StoreErrorKind::Other, error.to_string());
    let mut options = ConnectOptions::new()
        .name("wirebench")
        .connection_timeout(deadline)
        .request_timeout(Some(deadline))
        .ping_interval(PING_EVERY)
        .subscription_capacity(MAX_UNHEARD)
        .reconnect_delay_callback(|attempts| {
            let attempts = u32::try_from(attempts).unwrap_or(u32::MAX);
            Duration::from_millis(50).saturating_mul(attempts).min(MAX_RECONNECT_PAUSE)
        })
        .event_callback(move |event| {
            match &event {
                Event::Disconnected => count_losses.send_modify(|losses| losses.connections += 1),
                Event::SlowConsumer(_) => count_losses.send_modify(|losses| losses.overflows += 1),
                _ => {}
            }
            tracing::debug!("NATS: {event}");
            std::future::ready(())
        });
    // The client does not read them from the URL.
    options = match servers.login() {
        Some((token, None)) => options.token(token),
        Some((user, Some(password))) => options.user_and_password(user, password),
        None => options,
    };
    if let Some(file) = &servers.credentials {
        let read = options.credentials_file(file).await;
        options = read.map_err(|error| {
            other(&format_args!("cannot read the credentials `{}`: {error}", file.display()))
        })?;
    }
    if let Some(file) = &servers.tls_ca {
        options = options.add_root_certificates(file.clone()).require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&servers.tls_cert, &servers.tls_key) {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    let addresses: Result<Vec<async_nats::ServerAddr>, _> =
        servers.urls.iter().map(|url| async_nats::ServerAddr::from_url(url.clone())).collect();
    let addresses = addresses.map_err(|error| other(&error))?;
    options.connect(addresses).await.map_err(|error| {
        let kind = match error.kind() {
            async_nats::ConnectErrorKind::Io
            | async_nats::ConnectErrorKind::TimedOut
            | async_nats::ConnectErrorKind::MaxReconnects
            | async_nats::ConnectErrorKind::Dns => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Other,
        };
        (kind, error.to_string())
    })
}
