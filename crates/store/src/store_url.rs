//! Where a store is: the value of `--store`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use url::Url;

/// Where a store is. Neither `Display` nor `Debug` shows a password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(crate) StoreLocation);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreLocation {
    /// A file of SQLite.
    File(PathBuf),
    /// A server of PostgreSQL.
    Postgres(Url),
    /// A server of MariaDB or MySQL.
    MySql(Url),
}

/// A kind of database. MariaDB and MySQL are one: they speak the same protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file of this machine, without a server.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB or MySQL.
    MySql,
}

/// Text that does not name a store. It contains nothing of the text but the scheme and the names of
/// parameters, because the rest may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidStoreUrl(String);

impl Database {
    /// All kinds of database.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];

    /// Returns the name of the database, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MariaDB and MySQL",
        }
    }

    /// Returns the cargo feature that builds the database in.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    /// Returns true if the database is built into this program.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Postgres => cfg!(feature = "postgres"),
            Self::MySql => cfg!(feature = "mysql"),
        }
    }

    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }

    /// The parameters that may follow the `?`.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &["host", "sslmode", "sslrootcert", "sslcert", "sslkey"],
            Self::MySql => &["socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"],
        }
    }
}

impl StoreUrl {
    /// Returns the store in a file of SQLite.
    pub fn sqlite(file: impl AsRef<Path>) -> Self {
        Self(StoreLocation::File(file.as_ref().to_owned()))
    }

    /// Returns the kind of the database.
    pub fn database(&self) -> Database {
        match &self.0 {
            StoreLocation::File(_) => Database::Sqlite,
            StoreLocation::Postgres(_) => Database::Postgres,
            StoreLocation::MySql(_) => Database::MySql,
        }
    }
}

const KNOWN: &str = "expected `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or \
                     `mysql://USER:PASSWORD@HOST/DATABASE`";

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(InvalidStoreUrl(format!("the store has no scheme; {KNOWN}")));
        };
        match Database::of_scheme(scheme) {
            None => {
                let scheme: String = scheme.chars().take(20).collect();
                Err(InvalidStoreUrl(format!("no database has the scheme `{scheme}:`; {KNOWN}")))
            }
            Some(Database::Sqlite) => file(rest),
            Some(Database::Postgres) => {
                server(Database::Postgres, text).map(|url| Self(StoreLocation::Postgres(url)))
            }
            Some(Database::MySql) => {
                server(Database::MySql, text).map(|url| Self(StoreLocation::MySql(url)))
            }
        }
    }
}

/// Reads what follows `sqlite:`. The slashes of a URL are allowed before an absolute path.
fn file(rest: &str) -> Result<StoreUrl, InvalidStoreUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.starts_with(":memory:") {
        let what = "`sqlite:` needs the name of a file; without `--store`, feeds are in memory";
        return Err(InvalidStoreUrl(what.to_owned()));
    }
    if path.contains('?') {
        let what = "`sqlite:` takes the name of a file and no parameters, found a `?`";
        return Err(InvalidStoreUrl(what.to_owned()));
    }
    Ok(StoreUrl::sqlite(path))
}

fn server(database: Database, text: &str) -> Result<Url, InvalidStoreUrl> {
    let name = database.feature();
    // The parser's error does not contain the text.
    let url = Url::parse(text)
        .map_err(|error| InvalidStoreUrl(format!("malformed `{name}:` URL: {error}; {KNOWN}")))?;
    if url.cannot_be_a_base() || url.path().trim_start_matches('/').is_empty() {
        let what = format!("the `{name}:` URL names no database; {KNOWN}");
        return Err(InvalidStoreUrl(what));
    }
    if url.fragment().is_some() {
        let what =
            format!("the `{name}:` URL has a `#`; in a user name or a password, write it as `%23`");
        return Err(InvalidStoreUrl(what));
    }
    for (key, _) in url.query_pairs() {
        let known = database.parameters();
        if !known.contains(&&*key) {
            let (key, known): (String, _) = (key.chars().take(40).collect(), known.join("`, `"));
            let what = format!("the `{name}:` URL has an unknown parameter `{key}`");
            return Err(InvalidStoreUrl(format!("{what}; known are `{known}`")));
        }
    }
    Ok(url)
}

impl fmt::Display for StoreUrl {
    /// Writes the URL with `***` in place of the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StoreLocation::File(file) => write!(formatter, "sqlite:{}", file.display()),
            StoreLocation::Postgres(url) | StoreLocation::MySql(url) => {
                let mut url = url.clone();
                if url.password().is_some() && url.set_password(Some("***")).is_err() {
                    return formatter.write_str(url.scheme());
                }
                url.fmt(formatter)
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "StoreUrl({self})")
    }
}

impl fmt::Display for InvalidStoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for InvalidStoreUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> StoreUrl {
        text.parse().unwrap()
    }

    fn refusal(text: &str) -> String {
        text.parse::<StoreUrl>().unwrap_err().to_string()
    }

    #[test]
    fn each_database_has_its_schemes() {
        for (text, database, shown) in [
            ("sqlite:feeds.db", Database::Sqlite, "sqlite:feeds.db"),
            ("sqlite:///var/a b.db", Database::Sqlite, "sqlite:/var/a b.db"),
            ("postgres://h/d", Database::Postgres, "postgres://h/d"),
            ("postgresql://u@h:1/d", Database::Postgres, "postgresql://u@h:1/d"),
            ("mysql://u@h/d", Database::MySql, "mysql://u@h/d"),
            ("mariadb://u@h/d", Database::MySql, "mariadb://u@h/d"),
        ] {
            assert_eq!((parsed(text).database(), &*parsed(text).to_string()), (database, shown));
        }
        assert_eq!(parsed("sqlite:a.db"), StoreUrl::sqlite("a.db"));
    }

    #[test]
    fn a_password_is_shown_neither_by_display_nor_by_debug() {
        for text in ["postgres://u:hunter2@h/d?host=/run", "mysql://u:h%40unter2@h/d"] {
            let url = parsed(text);
            let shown = format!("{url} {url:?}");
            assert!(shown.contains("u:***@h/d") && !shown.contains("unter2"), "{shown}");
        }
    }

    #[test]
    fn a_refused_text_is_not_repeated_because_it_may_hold_a_password() {
        for text in [
            "hunter2",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h",
            "postgres:hunter2",
            "postgres://u:p#hunter2@h/d",
            "postgres://u@h/d?password=hunter2",
            "mysql://u@h/d?pasword=hunter2",
            "sqlite:a?key=hunter2",
        ] {
            let refusal = refusal(text);
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn a_refusal_says_what_was_found_and_what_is_known() {
        assert_eq!(
            refusal("oracle://h/d"),
            format!("no database has the scheme `oracle:`; {KNOWN}")
        );
        assert!(refusal("sqlite::memory:").contains("without `--store`, feeds are in memory"));
        assert!(refusal("mysql://h/d?host=a").ends_with(
            "unknown parameter `host`; \
             known are `socket`, `ssl-mode`, `ssl-ca`, `ssl-cert`, `ssl-key`"
        ));
    }

    #[test]
    fn a_database_is_built_in_with_its_feature_only() {
        let built_in: Vec<bool> = Database::ALL.map(Database::is_built_in).to_vec();
        let features =
            [cfg!(feature = "sqlite"), cfg!(feature = "postgres"), cfg!(feature = "mysql")];
        assert_eq!(built_in, features);
    }
}
