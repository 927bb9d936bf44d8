//! In which language a page is given: the address, the cookie, what the browser asks for.

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Serialize, Serializer};

/// A language that the pages are written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    #[default]
    English,
    Chinese,
}

impl Language {
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// The name in addresses, in the cookie and in the dictionaries.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The language tag of a page in it (RFC 5646): the pages are in simplified characters.
    pub(crate) const fn tag(self) -> HeaderValue {
        match self {
            Self::English => HeaderValue::from_static("en"),
            Self::Chinese => HeaderValue::from_static("zh-Hans"),
        }
    }

    /// The cookie that keeps the choice for a year.
    pub(crate) const fn cookie(self) -> HeaderValue {
        match self {
            Self::English => {
                HeaderValue::from_static("language=en; Path=/; SameSite=Lax; Max-Age=31536000")
            }
            Self::Chinese => {
                HeaderValue::from_static("language=zh; Path=/; SameSite=Lax; Max-Age=31536000")
            }
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.name() == name)
    }

    /// What these headers ask for: the cookie first, which is a choice somebody made here, then
    /// `Accept-Language`, which is how the browser was set up.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let texts =
            |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        texts(header::COOKIE)
            .find_map(chosen)
            .or_else(|| {
                let accepted: Vec<_> = texts(header::ACCEPT_LANGUAGE).collect();
                preferred(&accepted.join(","))
            })
            .unwrap_or_default()
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The language in a `Cookie` header.
fn chosen(cookies: &str) -> Option<Language> {
    cookies
        .split(';')
        .filter_map(|cookie| cookie.trim().strip_prefix("language="))
        .find_map(Language::named)
}

/// The language of ours that an `Accept-Language` header puts first (RFC 9110, section 12.5.4); where two
/// are put equally, the one that it names first.
fn preferred(accepted: &str) -> Option<Language> {
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
    fn the_browser_s_first_choice_among_ours_is_taken() {
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
    fn a_choice_made_here_comes_before_the_browser_s() {
        let accepted = ("accept-language", "en");
        assert_eq!(of(&[accepted, ("cookie", "a=b; language=zh")]), Language::Chinese);
        assert_eq!(of(&[accepted, ("cookie", "language=fr")]), Language::English);
        assert_eq!(of(&[("accept-language", "zh"), ("cookie", "language=en")]), Language::English);
        assert_eq!(of(&[("cookie", "a=b"), ("cookie", "language=zh")]), Language::Chinese);
        assert_eq!(of(&[("cookie", "my-language=zh")]), Language::English);
    }
}
