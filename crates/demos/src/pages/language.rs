//! The languages of the pages, and how one is chosen: by the address, the cookie or
//! `Accept-Language`.

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Serialize, Serializer};

/// A language that the pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    pub(super) const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// Returns the name in addresses, in the cookie and in the dictionaries.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// Returns the language tag of a page (RFC 5646). The Chinese pages use simplified characters.
    pub(super) const fn tag(self) -> HeaderValue {
        match self {
            Self::English => HeaderValue::from_static("en"),
            Self::Chinese => HeaderValue::from_static("zh-Hans"),
        }
    }

    /// Returns the cookie that keeps the choice for a year.
    pub(super) const fn cookie(self) -> HeaderValue {
        match self {
            Self::English => {
                HeaderValue::from_static("language=en; Path=/; SameSite=Lax; Max-Age=31536000")
            }
            Self::Chinese => {
                HeaderValue::from_static("language=zh; Path=/; SameSite=Lax; Max-Age=31536000")
            }
        }
    }

    /// Returns the language with this name, if the pages are written in it.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// Returns the language that a request asks for. The cookie comes first, because the visitor
    /// has made that choice on these pages, and `Accept-Language` second.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let texts =
            |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        texts(header::COOKIE)
            .find_map(in_cookies)
            .or_else(|| {
                let accepted: Vec<_> = texts(header::ACCEPT_LANGUAGE).collect();
                first_choice(&accepted.join(","))
            })
            .unwrap_or_default()
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Returns the language in a `Cookie` header.
fn in_cookies(cookies: &str) -> Option<Language> {
    cookies
        .split(';')
        .filter_map(|cookie| cookie.trim().strip_prefix("language="))
        .find_map(Language::named)
}

/// Returns the known language that an `Accept-Language` header prefers (RFC 9110, section 12.5.4).
/// Of two with the same quality, it is the one that the header names first.
fn first_choice(accepted: &str) -> Option<Language> {
    let mut best: Option<(f32, Language)> = None;
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let tag = parts.next().unwrap_or_default();
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
            .map_or(1.0, |quality| quality.trim().parse().unwrap_or(0.0));
        let primary = tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let language =
            if primary == "*" { Some(Language::default()) } else { Language::named(&primary) };
        if let Some(language) = language
            && quality > best.map_or(0.0, |(quality, _)| quality)
        {
            best = Some((quality, language));
        }
    }
    best.map(|(_, language)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &'static str)]) -> Language {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Language::of(&map)
    }

    #[test]
    fn the_known_language_with_the_highest_quality_is_chosen() {
        for (accepted, language) in [
            ("", Language::English),
            ("fr", Language::English),
            ("zh", Language::Chinese),
            ("ZH-tw", Language::Chinese),
            ("zh-Hans-CN, en;q=0.5", Language::Chinese),
            ("en-GB,en;q=0.9,zh;q=0.8", Language::English),
            ("en;q=0.3, zh-CN;q=0.7", Language::Chinese),
            ("fr, zh;q=0.2, *;q=0.1", Language::Chinese),
            ("zh;q=0, en;q=0.1", Language::English),
            ("zh;q=0", Language::English),
            ("zh;q=oops, en;q=0.1", Language::English),
            ("en, zh", Language::English),
            (";;,,;q=", Language::English),
        ] {
            assert_eq!(of(&[("accept-language", accepted)]), language, "{accepted}");
        }
    }

    #[test]
    fn the_cookie_comes_before_accept_language() {
        let accepted = ("accept-language", "en");
        assert_eq!(of(&[accepted, ("cookie", "a=b; language=zh")]), Language::Chinese);
        assert_eq!(of(&[accepted, ("cookie", "language=fr")]), Language::English);
        assert_eq!(of(&[("accept-language", "zh"), ("cookie", "language=en")]), Language::English);
        assert_eq!(of(&[("cookie", "a=b"), ("cookie", "language=zh")]), Language::Chinese);
        assert_eq!(of(&[("cookie", "my-language=zh")]), Language::English);
    }
}
