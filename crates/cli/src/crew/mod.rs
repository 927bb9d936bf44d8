//! The agents of `wirebench run`: the subscribers of its runs in other processes.
//!
//! `built_in` has them, behind the cargo feature `nats`. Without it, `left_out` says how to build
//! them in.

#![cfg_attr(not(feature = "nats"), expect(dead_code, reason = "only agents need all of it"))]

#[cfg(feature = "nats")]
mod built_in;
#[cfg(not(feature = "nats"))]
mod left_out;
#[cfg(feature = "nats")]
mod local_agents;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::str::FromStr;

use anyhow::Context;
use clap::{Args, ValueHint};

#[cfg(feature = "nats")]
pub(crate) use built_in::Crew;
#[cfg(not(feature = "nats"))]
pub(crate) use left_out::Crew;

/// The options of `run` that concern agents.
#[derive(Args, Debug)]
#[command(next_help_heading = "Agents")]
pub(crate) struct CrewArguments {
    /// Distribute the subscribers over agents that wait at this NATS server (docs/scale.md):
    /// `nats://HOST:PORT`. Put a URL with a password into the variable `WIREBENCH_AGENTS`
    #[arg(long, value_name = "URL")]
    agents: Option<NatsUrl>,
    /// Wait for so many agents [default: 1, or those of `--local-agents`]
    #[arg(long, value_name = "COUNT")]
    at_least: Option<NonZero<usize>>,
    /// How long to wait for them
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    agents_wait_s: u64,
    /// Start so many agents on this machine, with a NATS server of their own unless `--agents` names
    /// one. So a run passes the limit on the open files of one process
    #[arg(long, value_name = "COUNT")]
    local_agents: Option<NonZero<usize>>,
    /// Name or address of this machine, at which agents on others reach the server that a run starts
    /// [default: the server listens on 127.0.0.1 only]
    #[arg(long, value_name = "HOST", value_hint = ValueHint::Hostname)]
    advertise: Option<Host>,
}

/// A URL of NATS. It may contain a password, so `Debug` does not show it.
#[derive(Clone)]
pub(crate) struct NatsUrl {
    url: wirebench_store::StoreUrl,
    text: String,
}

/// A name or an address of a machine, without a port.
#[derive(Clone, Debug)]
pub(crate) struct Host(String);

/// Where the subscribers of a run subscribe, for agents.
#[derive(Clone, Debug)]
pub(crate) enum CrewServer {
    /// At servers of this project, which share the feed.
    Own(Vec<FeedAddress>),
    /// At the server of the run's target file: the number of the run, and the port of the server if
    /// it was started.
    Foreign { run: u64, port: Option<u16> },
}

/// Where a server has the feed.
#[derive(Clone, Debug)]
pub(crate) struct FeedAddress {
    pub(crate) url: String,
    /// The certificate of the server, PEM, if it signed it itself.
    pub(crate) certificate: Option<String>,
}

impl CrewArguments {
    /// Returns true if the subscribers are to be in other processes.
    pub(crate) fn is_wanted(&self) -> bool {
        self.agents.is_some()
            || self.local_agents.is_some()
            || self.at_least.is_some()
            || self.advertise.is_some()
    }

    /// Returns the address on which the server of a run has to listen.
    pub(crate) fn listen_on(&self) -> IpAddr {
        let everywhere = self.advertise.is_some();
        IpAddr::V4(if everywhere { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST })
    }

    /// Returns a URL of a server on this machine as agents have to write it.
    pub(crate) fn advertised(&self, url: &str) -> anyhow::Result<String> {
        let Some(Host(host)) = &self.advertise else { return Ok(url.to_owned()) };
        let uri: http::Uri = url.parse().with_context(|| format!("cannot read the URL `{url}`"))?;
        let port = uri.port_u16().with_context(|| format!("`{url}` has no port"))?;
        let scheme = uri.scheme_str().unwrap_or("http");
        Ok(format!("{scheme}://{host}:{port}{}", uri.path()))
    }
}

impl NatsUrl {
    /// Returns the URL in an option, or in the variable of this name.
    pub(crate) fn or_variable(given: Option<&Self>, name: &str) -> anyhow::Result<Option<Self>> {
        match (given, std::env::var(name)) {
            (Some(url), _) => Ok(Some(url.clone())),
            (None, Ok(text)) => {
                let url = text.parse().map_err(anyhow::Error::msg);
                Ok(Some(url.with_context(|| format!("cannot use the variable `{name}`"))?))
            }
            (None, Err(_)) => Ok(None),
        }
    }

    pub(crate) fn url(&self) -> &wirebench_store::StoreUrl {
        &self.url
    }

    /// Returns the text of the URL, with its password.
    pub(crate) fn secret_text(&self) -> String {
        self.text.clone()
    }
}

impl FromStr for NatsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url: wirebench_store::StoreUrl =
            text.parse().map_err(|error: wirebench_store::InvalidStoreUrl| error.to_string())?;
        match url.database() {
            wirebench_store::Database::Nats => Ok(Self { url, text: text.to_owned() }),
            other => Err(format!("expected `nats://HOST:PORT`, found a URL of {}", other.name())),
        }
    }
}

impl std::fmt::Debug for NatsUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("NatsUrl(…)")
    }
}

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_host = format!("{text}:80")
            .parse::<http::uri::Authority>()
            .is_ok_and(|authority| authority.port_u16() == Some(80) && !text.contains('@'));
        if is_host && !text.is_empty() {
            return Ok(Self(text.to_owned()));
        }
        Err("expected the name or the address of a machine, without a port: `10.0.0.5`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_port_and_no_scheme() {
        for good in ["10.0.0.5", "bench.example.org", "[::1]"] {
            good.parse::<Host>().expect(good);
        }
        for bad in ["", "10.0.0.5:80", "http://a", "a/b", "u@a", "a b"] {
            bad.parse::<Host>().expect_err(bad);
        }
    }
}
