//! wirebench's own server.

use std::net::SocketAddr;
use std::process::Command;
use std::str::FromStr;

use wirebench_protocol::Transport;

use super::started::StartedRival;
use crate::subscription::{CursorIn, FeedRoute};

pub(super) const PUBLISH_PATH: &str = "/feeds/bench/messages";

/// A build of wirebench, and options for its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WirebenchBuild {
    pub(crate) label: String,
    /// The program, and options behind it.
    command: Vec<String>,
}

impl FromStr for WirebenchBuild {
    type Err = String;

    /// Reads `LABEL=PROGRAM OPTIONS`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (label, command) = text.split_once('=').ok_or("expected LABEL=PROGRAM OPTIONS")?;
        let command: Vec<_> = command.split_whitespace().map(str::to_owned).collect();
        if label.is_empty() || command.is_empty() {
            return Err("expected LABEL=PROGRAM OPTIONS".to_owned());
        }
        Ok(Self { label: label.to_owned(), command })
    }
}

impl WirebenchBuild {
    pub(super) fn program(&self) -> &str {
        &self.command[0]
    }

    pub(super) fn start(&self) -> anyhow::Result<StartedRival> {
        let mut command = Command::new(self.program());
        command.args(["serve", "--no-demos", "--workers", "1", "--listen", "127.0.0.1:0"]);
        command.args(&self.command[1..]);
        StartedRival::with_ready_line(&mut command, |line| {
            let url = line.get("listening")?.as_str()?;
            SocketAddr::from_str(url.strip_prefix("http://")?).ok()
        })
    }
}

pub(super) fn route(transport: Transport) -> FeedRoute {
    FeedRoute::below("/feeds/bench", transport, CursorIn::FeedCursor, "/feeds/bench,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_a_label_a_program_and_options() {
        let build: WirebenchBuild = "hyper=./wirebench --http-stack hyper".parse().unwrap();
        assert_eq!(build.label, "hyper");
        assert_eq!(build.command, ["./wirebench", "--http-stack", "hyper"]);
        for wrong in ["wirebench", "=wirebench", "label="] {
            assert!(wrong.parse::<WirebenchBuild>().is_err(), "{wrong}");
        }
    }
}
