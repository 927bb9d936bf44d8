//! To which host a target file would publish. Nobody floods a stranger's server by a slip: publishing
//! to another machine needs the user's consent.

use std::net::IpAddr;

use http::Uri;
use wirebench_scenario::TargetFile;

use crate::failure::TargetFailure;
use crate::publishing::OF_MESSAGE;
use crate::values::PlaceholderValues;

/// Returns the host to which the target's messages would be published, if that is another machine.
/// `None` for a loopback address or `localhost`, and if a command publishes.
///
/// # Errors
///
/// A variable of the environment is not set, or the URL is none.
pub fn publish_host(file: &TargetFile) -> Result<Option<String>, TargetFailure> {
    let url = &file.publish.url;
    if url.is_empty() {
        return Ok(None);
    }
    let mut values = PlaceholderValues::of_environment([url].into_iter());
    // What varies does not stand in the host.
    for name in ["port", "run"].into_iter().chain(OF_MESSAGE) {
        values = values.with(name, "1");
    }
    let filled = values.fill(url)?;
    let invalid = || TargetFailure::Request { what: "URL", text: values.shown(url) };
    let uri: Uri = filled.parse().map_err(|_| invalid())?;
    let host = uri.host().ok_or_else(invalid)?;
    Ok((!is_this_machine(host)).then(|| host.to_owned()))
}

/// Returns true if a host is certainly this machine. Other names may resolve to anything.
fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_a_loopback_address_needs_no_consent() {
        for (url, expected) in [
            ("http://127.0.0.1:{port}/{run}", None),
            ("http://localhost/publish", None),
            ("http://[::1]:80/", None),
            ("ws://127.0.0.1:{port}/", None),
            ("wss://push.example/", Some("push.example")),
            ("https://push.example/{seq}?x=1", Some("push.example")),
            ("http://127.0.0.1.example/", Some("127.0.0.1.example")),
            ("http://192.0.2.1:8080/", Some("192.0.2.1")),
            ("http://[2001:db8::1]/", Some("[2001:db8::1]")),
        ] {
            let text = format!(
                "process.command = [\"x\"]\npublish.url = '{url}'\nsse.url = \"http://a/\""
            );
            let file = TargetFile::parse("x.toml", &text, Path::new("")).unwrap();
            assert_eq!(publish_host(&file).unwrap().as_deref(), expected, "{url}");
        }
    }
}
