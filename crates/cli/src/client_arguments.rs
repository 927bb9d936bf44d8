//! The options of commands that are clients of a server: what they trust, and what they send.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueHint};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use wirebench_loadgen::TrustedCertificates;
use wirebench_scenario::parse_duration;

/// The options that say which certificates to trust.
#[derive(Args, Debug)]
pub(crate) struct TrustArguments {
    /// `https://`, `wss://`: trust the root certificates in this file (PEM), in addition to those
    /// of the system
    #[arg(long, value_name = "FILE", conflicts_with = "insecure", value_hint = ValueHint::FilePath)]
    ca: Option<PathBuf>,
    /// `https://`, `wss://`: trust any certificate
    #[arg(long)]
    insecure: bool,
}

impl TrustArguments {
    /// Returns the certificates that the user trusts.
    pub(crate) fn trusted(&self) -> TrustedCertificates {
        match &self.ca {
            _ if self.insecure => TrustedCertificates::Any,
            Some(file) => TrustedCertificates::File(file.clone()),
            None => TrustedCertificates::System,
        }
    }
}

/// The option that adds headers to requests.
#[derive(Args, Debug)]
pub(crate) struct HeaderArguments {
    /// Send this header with every request, such as `-H 'Authorization: Bearer …'`. Give it again
    /// for more headers
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl HeaderArguments {
    /// Returns the headers. Of two with the same name, both are kept.
    pub(crate) fn map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.append(name, value.clone());
        }
        map
    }
}

/// The value may be a secret, so an error names the header only.
fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let expected = "expected `Name: value`, such as `Authorization: Bearer …`";
    let (name, value) = text.split_once(':').ok_or(expected)?;
    let name: HeaderName = name.trim().parse().map_err(|_| expected)?;
    if [header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(&name) {
        return Err(format!("`{name}` follows from the body and cannot be chosen"));
    }
    let value = HeaderValue::from_bytes(value.trim().as_bytes());
    Ok((name, value.map_err(|_| expected)?))
}

/// Parses a duration above zero.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("expected a duration above zero, such as `500ms` or `25s`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_a_name_and_a_value() {
        let (name, value) = parse_header("X-Token:  a:b ").unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("x-token", &b"a:b"[..]));
        for wrong in ["X-Token", ": a", "X Token: a", "X-Token: a\nb", "Content-Length: 3"] {
            let error = parse_header(wrong).unwrap_err();
            assert!(!error.is_empty() && !error.contains("a\nb"), "{error}");
        }
    }
}
