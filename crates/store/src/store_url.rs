//! Where a store is: the value of `--store`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[cfg(feature = "nats")]
use percent_encoding::percent_decode_str;
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
    /// Servers of NATS.
    Nats(NatsServers),
}

/// Where NATS is, and how to get in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct NatsServers {
    /// Servers of one cluster, without parameters. At least one.
    pub(crate) urls: Vec<Url>,
    /// A file with a JWT and a key.
    pub(crate) credentials: Option<PathBuf>,
    /// Whose certificates are trusted. `None`: those that the machine trusts.
    pub(crate) tls_ca: Option<PathBuf>,
    /// The certificate to show, and its key.
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    /// How many servers keep each message, 1 to 5.
    pub(crate) replicas: usize,
}

#[cfg(feature = "nats")]
impl NatsServers {
    /// Returns the user and the password of the first URL that has any. A user alone is a token.
    pub(crate) fn login(&self) -> Option<(String, Option<String>)> {
        let url = self.urls.iter().find(|url| !url.username().is_empty())?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Some((decoded(url.username()), url.password().map(decoded)))
    }
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
    /// NATS with JetStream.
    Nats,
}

/// Text that does not name a store. It contains nothing of the text but the scheme and the names of
/// parameters, because the rest may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidStoreUrl(String);

impl Database {
    /// All kinds of database.
    pub const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::MySql, Self::Nats];

    /// Returns the name of the database, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MariaDB and MySQL",
            Self::Nats => "NATS",
        }
    }

    /// Returns the cargo feature that builds the database in.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
            Self::Nats => "nats",
        }
    }

    /// Returns true if the database is built into this program.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Sqlite => cfg!(feature = "sqlite"),
            Self::Postgres => cfg!(feature = "postgres"),
            Self::MySql => cfg!(feature = "mysql"),
            Self::Nats => cfg!(feature = "nats"),
        }
    }

    fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            "nats" | "tls" => Some(Self::Nats),
            _ => None,
        }
    }

    /// The parameters that may follow the `?`.
    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[],
            Self::Postgres => &["host", "sslmode", "sslrootcert", "sslcert", "sslkey"],
            Self::MySql => &["socket", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"],
            Self::Nats => &["credentials", "tls-ca", "tls-cert", "tls-key", "replicas"],
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
            StoreLocation::Nats(_) => Database::Nats,
        }
    }
}

const KNOWN: &str = "expected `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE` or \
                     `mysql://USER:PASSWORD@HOST/DATABASE`; `nats://HOST` is a backbone";

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
            Some(Database::Nats) => nats(text).map(|servers| Self(StoreLocation::Nats(servers))),
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
    let url = plain_url(database, text)?;
    if url.path().trim_start_matches('/').is_empty() {
        let name = database.feature();
        let what = format!("the `{name}:` URL names no database; {KNOWN}");
        return Err(InvalidStoreUrl(what));
    }
    Ok(url)
}

/// Reads the URLs of NATS, with commas between them. The parameters are those of the last one.
fn nats(text: &str) -> Result<NatsServers, InvalidStoreUrl> {
    let mut servers = NatsServers {
        urls: Vec::new(),
        credentials: None,
        tls_ca: None,
        tls_cert: None,
        tls_key: None,
        replicas: 1,
    };
    for text in text.split(',') {
        let mut url = plain_url(Database::Nats, text.trim())?;
        if url.host_str().is_none_or(str::is_empty) || !matches!(url.path(), "" | "/") {
            let what = "a `nats:` URL is `nats://HOST:PORT`, without a path";
            return Err(InvalidStoreUrl(what.to_owned()));
        }
        for (key, value) in url.query_pairs() {
            let file = Some(PathBuf::from(&*value));
            match &*key {
                "credentials" => servers.credentials = file,
                "tls-ca" => servers.tls_ca = file,
                "tls-cert" => servers.tls_cert = file,
                "tls-key" => servers.tls_key = file,
                _ => servers.replicas = replicas(&value)?,
            }
        }
        url.set_query(None);
        servers.urls.push(url);
    }
    if servers.tls_cert.is_some() != servers.tls_key.is_some() {
        let what = "`tls-cert` and `tls-key` of a `nats:` URL go together";
        return Err(InvalidStoreUrl(what.to_owned()));
    }
    Ok(servers)
}

fn replicas(text: &str) -> Result<usize, InvalidStoreUrl> {
    text.parse().ok().filter(|replicas| (1..=5).contains(replicas)).ok_or_else(|| {
        InvalidStoreUrl("`replicas` of a `nats:` URL is a number from 1 to 5".to_owned())
    })
}

/// Reads a URL whose parameters are known.
fn plain_url(database: Database, text: &str) -> Result<Url, InvalidStoreUrl> {
    let name = database.feature();
    // The parser's error does not contain the text.
    let url = Url::parse(text)
        .map_err(|error| InvalidStoreUrl(format!("malformed `{name}:` URL: {error}; {KNOWN}")))?;
    if url.cannot_be_a_base() {
        let what = format!("the `{name}:` URL names no server; {KNOWN}");
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
                without_password(url).fmt(formatter)
            }
            StoreLocation::Nats(servers) => {
                let urls = servers.urls.iter().map(|url| {
                    let mut url = without_password(url);
                    // A token stands where others have a user.
                    if url.password().is_none() && !url.username().is_empty() {
                        let _ = url.set_username("***");
                    }
                    url.to_string()
                });
                formatter.write_str(&urls.collect::<Vec<_>>().join(","))
            }
        }
    }
}

fn without_password(url: &Url) -> Url {
    let mut url = url.clone();
    // A URL that cannot have a password has none.
    if url.password().is_some() {
        let _ = url.set_password(Some("***"));
    }
    url
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
            ("nats://h:4222", Database::Nats, "nats://h:4222"),
            ("nats://u:p@a,tls://token@b?replicas=3", Database::Nats, "nats://u:***@a,tls://***@b"),
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
            "nats://u:hunter2@h/path",
            "nats://h?replicas=hunter2",
            "nats://a,postgres://u:hunter2@h/d",
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
        let features = [
            cfg!(feature = "sqlite"),
            cfg!(feature = "postgres"),
            cfg!(feature = "mysql"),
            cfg!(feature = "nats"),
        ];
        assert_eq!(built_in, features);
    }
}
