//! The URL that is probed.

use reqwest::Url;

/// The URL at which a client subscribes, of whichever scheme.
#[derive(Clone, Debug)]
pub(super) struct ProbedUrl(Url);

impl ProbedUrl {
    /// Parses a URL.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what to write.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let example = "write where a client subscribes, such as `http://127.0.0.1:8080/events` or \
                       `wss://example.org/socket`";
        if !text.contains("://") {
            let host = text.split(['/', '?']).next().unwrap_or_default();
            let is_host = host.contains(['.', ':']) || host == "localhost";
            let likely = format!("did you mean `http://{text}`?");
            let hint = if is_host { &likely } else { example };
            return Err(format!(
                "cannot probe `{text}`: it is no URL, which begins with \
                                `http://`, `https://`, `ws://` or `wss://`\n\n{hint}"
            ));
        }
        let http = match text.split_once("://") {
            Some(("ws", rest)) => format!("http://{rest}"),
            Some(("wss", rest)) => format!("https://{rest}"),
            _ => text.to_owned(),
        };
        let cannot = |why: String| format!("cannot probe `{text}`: {why}\n\n{example}");
        let url = Url::parse(&http).map_err(|error| cannot(format!("it is no URL ({error})")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(cannot(format!(
                "expected `http`, `https`, `ws` or `wss`, found `{}`",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(cannot("a URL with a password is not supported".to_owned()));
        }
        Ok(Self(url))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the URL with `http` or `https`.
    pub(super) fn http(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the URL with `ws` or `wss`.
    pub(super) fn websocket(&self) -> String {
        self.0.as_str().replacen("http", "ws", 1)
    }

    pub(super) fn authority(&self) -> &str {
        self.0.authority()
    }

    /// Returns the URL of Engine.IO: this one if its path says so, and otherwise the usual one.
    pub(super) fn engine_io(&self) -> String {
        let mut url = self.0.clone();
        if !["socket.io", "engine.io"].iter().any(|name| url.path().contains(name)) {
            url.set_path("/socket.io/");
        }
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_each_scheme_is_known_by_all_its_names() {
        for (text, http, websocket) in [
            ("http://a:1/b?c", "http://a:1/b?c", "ws://a:1/b?c"),
            ("wss://a/b", "https://a/b", "wss://a/b"),
            ("ws://a", "http://a/", "ws://a/"),
        ] {
            let url = ProbedUrl::parse(text).unwrap();
            assert_eq!((url.http(), &*url.websocket()), (http, websocket));
        }
        let engine_io = |text: &str| ProbedUrl::parse(text).unwrap().engine_io();
        assert_eq!(engine_io("http://a/b?c"), "http://a/socket.io/");
        assert_eq!(engine_io("http://a/my/socket.io/?c"), "http://a/my/socket.io/");
    }

    #[test]
    fn what_is_no_url_says_what_to_write() {
        for (text, hint) in [
            ("foo", "such as `http://127.0.0.1:8080/events`"),
            ("localhost:80/b", "did you mean `http://localhost:80/b`?"),
            ("127.0.0.1/b", "did you mean `http://127.0.0.1/b`?"),
            ("ftp://a/", "found `ftp`"),
            ("http://", "it is no URL"),
            ("http://a:b@c/", "password"),
        ] {
            let error = ProbedUrl::parse(text).unwrap_err();
            assert!(error.contains(hint) && error.contains(text), "{error}");
        }
    }
}
