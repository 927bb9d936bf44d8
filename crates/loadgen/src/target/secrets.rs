//! Values of environment variables, such as tokens, which no message shows.

use std::fmt;

/// The variables of the environment that a target file names, and their values.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Secrets(Vec<Secret>);

#[derive(Clone, PartialEq)]
struct Secret {
    name: String,
    value: String,
}

impl Secrets {
    /// Reads the variables with these names. Those that are not set, or are not UTF-8, have no
    /// value.
    pub(super) fn read<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self::new(names, |name| std::env::var(name).ok())
    }

    fn new<'n>(
        names: impl Iterator<Item = &'n str>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut secrets: Vec<Secret> = names
            .filter_map(|name| Some(Secret { name: name.to_owned(), value: value(name)? }))
            .collect();
        // A value that holds another one is blanked as a whole.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.value.len()));
        secrets.dedup();
        Self(secrets)
    }

    /// Returns the value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|secret| secret.name == name).map(|secret| secret.value.as_str())
    }

    /// Returns a text with `{env:NAME}` in place of each value. If a value is a URL, its query alone
    /// is blanked, too: requests are reported without their host.
    pub(super) fn blank(&self, text: &str) -> String {
        let mut blanked = text.to_owned();
        for Secret { name, value } in &self.0 {
            let query = value.split_once('?').map_or("", |(_, query)| query);
            for secret in [value, query] {
                if !secret.is_empty() {
                    blanked = blanked.replace(secret, &format!("{{env:{name}}}"));
                }
            }
        }
        blanked
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|secret| &secret.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let value = |name: &str| match name {
            "TOKEN" => Some("hunter2".to_owned()),
            "LONG" => Some("hunter2-and-more".to_owned()),
            "URL" => Some("http://a/b?key=swordfish".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Secrets::new(["TOKEN", "LONG", "URL", "EMPTY", "TOKEN", "NOT_SET"].into_iter(), value)
    }

    #[test]
    fn values_are_known_by_their_names_and_never_shown() {
        let secrets = secrets();
        assert_eq!(secrets.get("TOKEN"), Some("hunter2"));
        assert_eq!(secrets.get("EMPTY"), Some(""));
        assert_eq!(secrets.get("NOT_SET"), None);
        assert!(!format!("{secrets:?}").contains("hunter2"), "{secrets:?}");
        for (text, blanked) in [
            ("GET /x?token=hunter2", "GET /x?token={env:TOKEN}"),
            ("hunter2-and-more, hunter2", "{env:LONG}, {env:TOKEN}"),
            ("GET /b?key=swordfish", "GET /b?{env:URL}"),
            ("GET /b", "GET /b"),
        ] {
            assert_eq!(secrets.blank(text), blanked);
        }
    }
}
