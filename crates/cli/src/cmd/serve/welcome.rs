//! What `wirebench serve` says on a terminal once it listens, in place of the ready line: where to
//! look, and what to try.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::ready_line::ReadyLine;

/// Returns the lines. `address` is where the feeds are, and `pages` says whether there are pages to
/// open.
pub(super) fn welcome(ready: &ReadyLine, address: SocketAddr, pages: bool) -> String {
    let scheme = ready.listening.split("://").next().unwrap_or("http");
    let url = format!("{scheme}://{}", reachable(address));
    let feeds = ready.feeds.as_deref().unwrap_or_default();
    let feed = match feeds {
        [first, ..] if first != wirebench_loadgen::DEFAULT_FEED => format!("/feeds/{first}"),
        _ => String::new(),
    };
    let trust = if ready.certificate.is_some() { " --insecure" } else { "" };
    let mut lines = Vec::new();
    if pages {
        lines.push(format!("open {url}/"));
    }
    lines.extend([
        format!("subscribe     wirebench subscribe {url}{feed} --transport sse{trust}"),
        format!("publish       wirebench publish {url}{feed} --text{trust}"),
    ]);
    lines.push(format!("feeds         {}", feeds.join(", ")));
    if let Some(store) = &ready.store {
        lines.push(format!("kept in       {store}"));
    }
    let token = ready.control_token.as_ref().map_or("given", String::as_str);
    if let Some(control) = &ready.control {
        lines.push(format!("control API   {control}, token {token}"));
    }
    lines.push("Ctrl-C stops the server".to_owned());
    lines.join("\n") + "\n"
}

/// Returns an address at which this machine reaches a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut reachable = address;
    if address.ip().is_unspecified() {
        reachable.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    reachable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(listening: &str, feeds: &[&str]) -> ReadyLine {
        ReadyLine {
            listening: listening.to_owned(),
            control: Some("http://127.0.0.1:4312".to_owned()),
            control_token: Some("5f".to_owned()),
            feeds: Some(feeds.iter().map(|&name| name.to_owned()).collect()),
            ..ReadyLine::default()
        }
    }

    #[test]
    fn the_first_line_says_what_to_open() {
        let text = welcome(
            &ready("http://0.0.0.0:8080", &["bench", "quotes"]),
            "0.0.0.0:8080".parse().unwrap(),
            true,
        );
        let expected = "open http://127.0.0.1:8080/\n\
                        subscribe     wirebench subscribe http://127.0.0.1:8080 --transport sse\n\
                        publish       wirebench publish http://127.0.0.1:8080 --text\n\
                        feeds         bench, quotes\n\
                        control API   http://127.0.0.1:4312, token 5f\n\
                        Ctrl-C stops the server\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn without_pages_nothing_is_to_be_opened_and_the_first_feed_is_named() {
        let mut ready = ready("https://[::]:1", &["quotes"]);
        ready.certificate = Some("PEM".to_owned());
        ready.control_token = None;
        let text = welcome(&ready, "[::]:1".parse().unwrap(), false);
        assert!(!text.contains("open "), "{text}");
        let subscribe = "subscribe https://[::1]:1/feeds/quotes --transport sse --insecure\n";
        assert!(text.contains(subscribe) && text.contains(", token given\n"), "{text}");
    }
}
