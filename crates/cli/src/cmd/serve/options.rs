//! The options of a server other than its addresses: limits, access and TLS.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum, ValueHint};
use wirebench_scenario::parse_duration;
use wirebench_server::{
    Access, Feed, ForwardedHeader, HttpStack, IpNetwork, Limits, Proxies, Server, Tls, Token,
};

use super::socket_io::SocketIoOptions;
use crate::machine;

/// The number of open files that a server needs in addition to its connections.
const OTHER_FILES: u64 = 64;

/// Limits, access and TLS.
#[derive(Args, Debug)]
pub(super) struct ServeOptions {
    /// Serve over TLS: `self-signed`, or the PEM files of a certificate chain and of its key
    #[arg(long, num_args = 1..=2, value_names = ["CERTIFICATES", "KEY"], help_heading = "Access")]
    tls: Vec<PathBuf>,
    /// File with the token that publishing requires; or put the token into the variable
    /// `WIREBENCH_PUBLISH_TOKEN`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Access")]
    publish_token_file: Option<PathBuf>,
    /// File with the token that subscribing requires; or put the token into the variable
    /// `WIREBENCH_SUBSCRIBE_TOKEN`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Access")]
    subscribe_token_file: Option<PathBuf>,
    /// File with the token of the control API; or put the token into the variable
    /// `WIREBENCH_CONTROL_TOKEN` [default: a random token, printed in the ready line]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Access")]
    control_token_file: Option<PathBuf>,
    /// Allow the control API to listen on an address that is not loopback
    #[arg(long, help_heading = "Access")]
    control_beyond_loopback: bool,
    /// Origin whose pages may subscribe and publish, in addition to the server's own, such as
    /// `https://example.org`; `*` allows all origins; repeat the option for more origins
    #[arg(long, value_name = "ORIGIN", value_parser = origin, help_heading = "Access")]
    allow_origin: Vec<String>,
    /// Proxy in front of the server that is trusted to name its clients: an address, or a network
    /// such as `10.0.0.0/8`; repeat the option for more proxies. Limits per address then apply to
    /// the clients of the proxy
    #[arg(long, value_name = "ADDRESS", help_heading = "Access")]
    trust_proxy: Vec<IpNetwork>,
    /// Header in which the trusted proxies name their clients
    #[arg(
        long,
        value_name = "HEADER",
        value_enum,
        default_value_t,
        requires = "trust_proxy",
        help_heading = "Access"
    )]
    proxy_header: ProxyHeader,
    /// Expect the trusted proxies to begin each connection with a header of the PROXY protocol,
    /// version 2
    #[arg(long, requires = "trust_proxy", help_heading = "Access")]
    proxy_protocol: bool,

    /// Maximum number of open connections; further ones are answered with 503 [default: the limit
    /// of open files, less 64]
    #[arg(long, value_name = "CONNECTIONS", help_heading = "Limits")]
    max_connections: Option<NonZeroUsize>,
    /// Maximum number of open connections from one address [default: no separate limit]
    #[arg(long, value_name = "CONNECTIONS", help_heading = "Limits")]
    max_connections_per_address: Option<NonZeroUsize>,
    /// Maximum size of the head of a request, in bytes; a larger head is answered with 431
    #[arg(long, value_name = "BYTES", default_value = "65536", help_heading = "Limits")]
    max_head: NonZeroUsize,
    /// Maximum size of a published payload, in bytes; a larger payload is answered with 413
    #[arg(long, value_name = "BYTES", default_value = "1048576", help_heading = "Limits")]
    max_message: NonZeroUsize,
    /// Maximum bytes of JSON that each feed keeps, in addition to the limit of `--window` [default:
    /// no limit]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    window_bytes: Option<NonZeroUsize>,
    /// Maximum messages per second that clients may publish to each feed; more are answered with
    /// 429 [default: no limit]
    #[arg(long, value_name = "MESSAGES", help_heading = "Limits")]
    publish_rate: Option<NonZeroU32>,
    /// Time limit for the head of a request, from its first byte
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration,
          help_heading = "Limits")]
    head_time: Duration,
    /// Time limit for the body of a request
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration,
          help_heading = "Limits")]
    body_time: Duration,
    /// Time that a connection may be open without a request
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = duration,
          help_heading = "Limits")]
    idle_time: Duration,
    /// Time for which a reader may take no byte while bytes are waiting for it
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration,
          help_heading = "Limits")]
    write_time: Duration,
    /// Time limit for connections to end after the server is told to stop
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration,
          help_heading = "Limits")]
    drain_time: Duration,
    /// When the server stops, it tells each subscriber to come back after a random time of up to
    /// this; with `0s` it tells them nothing
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = any_duration,
          help_heading = "Limits")]
    return_time: Duration,
    /// Pause before reconnecting that event streams announce (`retry:`), or `none` to announce
    /// nothing
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = announced,
          help_heading = "Limits")]
    retry: Announced,

    /// Who reads requests over HTTP/1.1 and writes their answers: `own`, the server itself for the
    /// plain `GET` requests of feeds and hyper for all others, or `hyper` for all. Hyper always
    /// answers the connections of the demos' pages
    #[arg(long, value_name = "STACK", default_value_t)]
    http_stack: HttpStack,

    #[command(flatten)]
    socket_io: SocketIoOptions,
}

/// The value of `--retry`.
#[derive(Clone, Copy, Debug)]
struct Announced(Option<Duration>);

/// The values of `--proxy-header`.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum ProxyHeader {
    /// `X-Forwarded-For: client, proxy`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=client, for=proxy` (RFC 7239)
    Forwarded,
}

impl From<ProxyHeader> for ForwardedHeader {
    fn from(header: ProxyHeader) -> Self {
        match header {
            ProxyHeader::XForwardedFor => Self::XForwardedFor,
            ProxyHeader::Forwarded => Self::Forwarded,
        }
    }
}

/// The options, with the content of the files that they name.
pub(super) struct ServerSetup {
    limits: Limits,
    publish: Option<Token>,
    subscribe: Option<Token>,
    origins: Vec<String>,
    tls: Option<Tls>,
    proxies: Proxies,
    http_stack: HttpStack,
    /// The token of the control API.
    pub(super) control_token: Token,
    /// True if the token was given, and not drawn at random.
    control_token_given: bool,
}

impl ServerSetup {
    /// Returns the server with its limits and access rules.
    pub(super) fn server(&self, server: Server) -> Server {
        let origins = self.origins.iter().cloned();
        let access = Access::new(self.publish.clone(), self.subscribe.clone(), origins);
        let server = server.with_limits(self.limits).with_access(access);
        let server = server.with_proxies(self.proxies.clone()).with_http_stack(self.http_stack);
        match &self.tls {
            Some(tls) => server.with_tls(tls.clone()),
            None => server,
        }
    }

    /// Returns true if subscribing or publishing takes a token.
    pub(super) fn needs_a_token(&self) -> bool {
        self.publish.is_some() || self.subscribe.is_some()
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    pub(super) fn certificate(&self) -> Option<String> {
        self.tls.as_ref().map(|tls| tls.certificate().to_owned())
    }

    /// Returns the token for the ready line. `None` if it was given: then it is known already, and
    /// printed lines may be kept in logs.
    pub(super) fn token_to_announce(&self) -> Option<String> {
        (!self.control_token_given).then(|| self.control_token.reveal().to_owned())
    }
}

impl ServeOptions {
    /// Returns true if the options or the environment name a token for subscribing or publishing.
    pub(super) fn names_a_token(&self) -> bool {
        let given = |file: &Option<PathBuf>, name: &str| {
            file.is_some() || std::env::var_os(format!("WIREBENCH_{name}_TOKEN")).is_some()
        };
        given(&self.publish_token_file, "PUBLISH") || given(&self.subscribe_token_file, "SUBSCRIBE")
    }

    /// Reads the files that the options name.
    pub(super) fn read(
        &self,
        listen: SocketAddr,
        control: SocketAddr,
    ) -> anyhow::Result<ServerSetup> {
        self.check_control(control)?;
        let given = token("CONTROL", self.control_token_file.as_deref())?;
        Ok(ServerSetup {
            limits: self.limits(),
            publish: token("PUBLISH", self.publish_token_file.as_deref())?,
            subscribe: token("SUBSCRIBE", self.subscribe_token_file.as_deref())?,
            origins: self.allow_origin.clone(),
            tls: self.tls(listen)?,
            proxies: Proxies::new(self.trust_proxy.iter().copied(), self.proxy_header.into())
                .with_proxy_protocol(self.proxy_protocol),
            http_stack: self.http_stack,
            control_token_given: given.is_some(),
            control_token: given.unwrap_or_else(Token::random),
        })
    }

    /// Refuses an address of the control API that is not loopback, unless
    /// `--control-beyond-loopback` is given.
    fn check_control(&self, address: SocketAddr) -> anyhow::Result<()> {
        if address.ip().is_loopback() || self.control_beyond_loopback {
            return Ok(());
        }
        bail!(
            "`--control {address}` is not a loopback address: any program that reaches the control \
             API and has its token can start and stop publishers; to allow this, add \
             `--control-beyond-loopback`"
        )
    }

    /// Returns the feed with its limits.
    pub(super) fn feed(&self, feed: Feed) -> Feed {
        let feed = match self.window_bytes {
            Some(bytes) => feed.with_window_bytes(bytes.get()),
            None => feed,
        };
        match self.publish_rate {
            Some(rate) => feed.with_publish_rate(rate),
            None => feed,
        }
    }

    /// Returns the certificate of the server. `None` if it does not speak TLS.
    fn tls(&self, listen: SocketAddr) -> anyhow::Result<Option<Tls>> {
        match self.tls.as_slice() {
            [] => Ok(None),
            [how] if how == Path::new("self-signed") => {
                let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
                let own = listen.ip();
                let own = (!own.is_loopback() && !own.is_unspecified()).then(|| own.to_string());
                Ok(Some(Tls::self_signed(names.into_iter().chain(own))?))
            }
            [certificates, key] => Ok(Some(Tls::from_files(certificates, key)?)),
            _ => bail!("`--tls` takes `self-signed`, or two files: certificates and their key"),
        }
    }

    fn limits(&self) -> Limits {
        let files = machine::open_files().saturating_sub(OTHER_FILES);
        let most = usize::try_from(files).unwrap_or(usize::MAX);
        Limits {
            connections: Some(self.max_connections.map_or(most, NonZeroUsize::get)),
            connections_per_address: self.max_connections_per_address.map(NonZeroUsize::get),
            head_bytes: self.max_head.get(),
            message_bytes: self.max_message.get(),
            head_time: self.head_time,
            body_time: self.body_time,
            idle_time: self.idle_time,
            write_time: self.write_time,
            drain_time: self.drain_time,
            return_time: self.return_time,
            retry: self.retry.0,
            socket_io: self.socket_io.limits(),
        }
    }
}

/// Reads a token from its file or its environment variable. It is never an argument, because
/// everybody on the machine can read arguments.
fn token(name: &str, file: Option<&Path>) -> anyhow::Result<Option<Token>> {
    let variable = format!("WIREBENCH_{name}_TOKEN");
    let (text, from) = match (file, std::env::var(&variable)) {
        (Some(file), _) => {
            let from = format!("`{}`", file.display());
            let text = std::fs::read_to_string(file);
            (text.with_context(|| format!("cannot read a token from {from}"))?, from)
        }
        (None, Ok(text)) => (text, format!("the variable `{variable}`")),
        (None, Err(_)) => return Ok(None),
    };
    Token::new(&text)
        .with_context(|| format!("cannot use the content of {from} as a token"))
        .map(Some)
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a time is a number and a unit, such as `500ms`, `10s` or `2m`".to_owned()),
    }
}

fn any_duration(text: &str) -> Result<Duration, String> {
    parse_duration(text)
        .ok_or_else(|| "a time is a number and a unit, such as `500ms`, `10s` or `0s`".to_owned())
}

fn announced(text: &str) -> Result<Announced, String> {
    match text {
        "none" => Ok(Announced(None)),
        text => {
            match any_duration(text) {
                // An event stream announces whole milliseconds.
                Ok(pause) if pause.as_millis() > 0 => Ok(Announced(Some(pause))),
                _ => Err("a pause is a time of 1 ms or more, such as `100ms` or `1s`, or `none`"
                    .to_owned()),
            }
        }
    }
}

fn origin(text: &str) -> Result<String, String> {
    let plain = text.split_once("://").is_some_and(|(scheme, authority)| {
        matches!(scheme, "http" | "https") && !authority.is_empty() && !authority.contains('/')
    });
    if plain || text == "*" {
        Ok(text.to_owned())
    } else {
        Err("an origin is a scheme, a host and perhaps a port, without a path: \
             `https://example.org`"
            .to_owned())
    }
}
