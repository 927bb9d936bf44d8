//! The databases that the runs of a scenario keep their feeds in, and the backbone that their servers
//! share. The URLs come from the environment, because they may contain passwords.

use std::fmt;

use anyhow::{Context, bail};
use wirebench_scenario::{FeedStore, Run, Scenario};
use wirebench_store::{Database, Store, StoreError, StoreOptions, StoreUrl};

use crate::environment;

/// The databases that the environment names, of those that scenarios ask for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Databases {
    of_stores: Vec<(FeedStore, DatabaseUrl)>,
    /// The NATS server over which several servers share a feed.
    backbone: Option<DatabaseUrl>,
}

/// The URL of a database. `Debug` does not show a password.
#[derive(Clone)]
pub(crate) struct DatabaseUrl {
    /// What the variable holds.
    text: String,
    url: StoreUrl,
}

/// Runs that are skipped, because the environment does not name their database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SkippedRuns {
    store: FeedStore,
    variable: &'static str,
    runs: usize,
}

impl Databases {
    /// Returns the databases that the scenarios ask for and that `variable` names.
    ///
    /// # Errors
    /// A variable holds something else than the URL of such a database.
    pub(crate) fn read(
        scenarios: &[Scenario],
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for store in FeedStore::ALL {
            let Some(name) = variable_of(store).filter(|_| scenarios.iter().any(asks_for(store)))
            else {
                continue;
            };
            let url = database(store).map(|wanted| DatabaseUrl::read(name, wanted, &variable));
            found.extend(url.transpose()?.flatten().map(|url| (store, url)));
        }
        let backbone = if scenarios.iter().any(has_several_servers) {
            DatabaseUrl::read(environment::BACKBONE, Database::Nats, &variable)?
        } else {
            None
        };
        Ok(Self { of_stores: found, backbone })
    }

    /// The same, from the environment of this process.
    pub(crate) fn of_environment(scenarios: &[Scenario]) -> anyhow::Result<Self> {
        Self::read(scenarios, |name| std::env::var(name).ok())
    }

    /// Returns the URL of a store. `None` if it has none, or the environment does not name it.
    pub(crate) fn url(&self, store: FeedStore) -> Option<&DatabaseUrl> {
        self.of_stores.iter().find(|(named, _)| *named == store).map(|(_, url)| url)
    }

    /// Returns the URL of the backbone. `None` if the environment does not name it: a run with several
    /// servers starts one.
    pub(crate) fn backbone(&self) -> Option<&DatabaseUrl> {
        self.backbone.as_ref()
    }

    /// Divides runs into those that can be made, in their order, and those that are skipped. A run
    /// starts no NATS where the environment names one.
    pub(crate) fn split(&self, runs: Vec<Run>) -> (Vec<Run>, Vec<SkippedRuns>) {
        let is_skipped = |store| variable_of(store).filter(|_| self.url(store).is_none());
        let skipped = FeedStore::ALL.into_iter().filter_map(|store| {
            let variable = is_skipped(store)?;
            let runs = runs.iter().filter(|run| run.store == store).count();
            (runs > 0).then_some(SkippedRuns { store, variable, runs })
        });
        let skipped = skipped.collect();
        let made = runs.into_iter().filter(|run| is_skipped(run.store).is_none());
        let started = |run: Run| Run {
            backbone_servers: run.backbone_servers.filter(|_| self.backbone.is_none()),
            ..run
        };
        (made.map(started).collect(), skipped)
    }

    /// Returns why the runs of a scenario cannot be made by this program and with what the environment
    /// names, and what to do.
    pub(crate) fn why_not(&self, scenario: &Scenario) -> Option<String> {
        self.not_built_in(scenario).or_else(|| self.not_started(scenario))
    }

    /// Returns which key asks for NATS servers that the runs start, if the environment names others.
    fn not_started(&self, scenario: &Scenario) -> Option<String> {
        self.backbone.as_ref()?;
        let fault = scenario.faults.backbone.iter().any(Option::is_some);
        let several = scenario.server.backbone_servers.iter().any(|servers| *servers > 1);
        let key = match (fault, several) {
            (true, _) => "faults.backbone",
            (false, true) => "server.backbone-servers",
            (false, false) => return None,
        };
        Some(format!(
            "`{key}` is for NATS servers that the run starts, but `{}` names one that is there \
             already; unset the variable for this scenario",
            environment::BACKBONE
        ))
    }

    /// Returns why this program cannot make the runs of a scenario, and how to build one that can.
    /// Runs that are skipped need no database.
    fn not_built_in(&self, scenario: &Scenario) -> Option<String> {
        let needed = scenario.server.store.iter().copied();
        let needed =
            needed.filter(|store| variable_of(*store).is_none() || self.url(*store).is_some());
        let backbone = has_several_servers(scenario).then_some(Database::Nats);
        // A scenario with several servers has no store.
        let key = if backbone.is_some() { "server.instances" } else { "server.store" };
        let needed = needed.filter_map(database).chain(backbone);
        let missing: Vec<Database> = needed.filter(|database| !database.is_built_in()).collect();
        let all = |text: fn(Database) -> &'static str, separator| {
            missing.iter().map(|database| text(*database)).collect::<Vec<_>>().join(separator)
        };
        (!missing.is_empty()).then(|| {
            format!(
                "`{key}` asks for {}, which this program was built without; `cargo install \
                 --path crates/cli --features {}` builds it in",
                all(Database::name, " and "),
                all(Database::feature, ",")
            )
        })
    }

    /// Connects to each database once and brings its tables up to date.
    ///
    /// # Errors
    /// A database cannot be used. The error names the variable.
    pub(crate) async fn try_each(&self) -> anyhow::Result<()> {
        for (store, url) in &self.of_stores {
            let variable = variable_of(*store).unwrap_or_default();
            url.open().await.with_context(|| {
                format!(
                    "cannot use the database that `{variable}` names; unset it to skip its runs"
                )
            })?;
        }
        if let Some(url) = &self.backbone {
            url.open().await.with_context(|| {
                format!(
                    "cannot use the NATS server that `{}` names; without the variable, each run \
                     starts its own",
                    environment::BACKBONE
                )
            })?;
        }
        Ok(())
    }
}

impl DatabaseUrl {
    /// Returns the URL in the variable `name`. `None` if it is not set.
    ///
    /// # Errors
    /// It holds something else than the URL of such a database.
    fn read(
        name: &str,
        wanted: Database,
        variable: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<Self>> {
        let Some(text) = variable(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let url: StoreUrl =
            text.parse().with_context(|| format!("cannot use the value of `{name}`"))?;
        if url.database() != wanted {
            bail!(
                "cannot use the value of `{name}`: it names a database of {}",
                url.database().name()
            );
        }
        Ok(Some(Self { text, url }))
    }

    /// Returns the URL with its password.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }

    /// Connects to the database.
    pub(crate) async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url, &StoreOptions::default(), ()).await
    }
}

/// Writes the URL with `***` in place of the password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(formatter)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({})", self.url)
    }
}

impl fmt::Display for SkippedRuns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { store, variable, runs } = self;
        let runs = if *runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") };
        write!(formatter, "{runs} skipped with the store `{}`: {variable} is not set", store.name())
    }
}

/// Returns the variable that holds the URL of a store. `None` for a store without a URL.
fn variable_of(store: FeedStore) -> Option<&'static str> {
    match store {
        FeedStore::Memory | FeedStore::Sqlite => None,
        FeedStore::Postgres => Some(environment::POSTGRES),
        FeedStore::MySql => Some(environment::MYSQL),
    }
}

/// Returns the database that a store needs.
fn database(store: FeedStore) -> Option<Database> {
    match store {
        FeedStore::Memory => None,
        FeedStore::Sqlite => Some(Database::Sqlite),
        FeedStore::Postgres => Some(Database::Postgres),
        FeedStore::MySql => Some(Database::MySql),
    }
}

fn has_several_servers(scenario: &Scenario) -> bool {
    scenario.server.instances.iter().any(|instances| *instances > 1)
}

fn asks_for(store: FeedStore) -> impl Fn(&Scenario) -> bool {
    move |scenario| scenario.server.store.contains(&store)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirebench_scenario::Overrides;

    use super::*;

    fn scenario(stores: &str) -> Scenario {
        let text = format!("transports = [\"sse\"]\nserver.store = {stores}");
        Scenario::parse("x", &text, Path::new(""), &Overrides::default()).expect("it is valid")
    }

    fn with_postgres(name: &str) -> Option<String> {
        (name == environment::POSTGRES).then(|| "postgres://u:hunter2@h/d".to_owned())
    }

    const ALL: &str = r#"["memory", "sqlite", "postgres", "mysql"]"#;

    #[test]
    fn runs_whose_database_has_no_url_are_skipped_and_the_others_keep_their_order() {
        let scenario = scenario(ALL);
        let databases = Databases::read(std::slice::from_ref(&scenario), with_postgres).unwrap();
        let (runs, skipped) = databases.split(scenario.runs(1));
        let stores: Vec<_> = runs.iter().map(|run| (&*run.id, run.store)).collect();
        let expected = [
            ("001-sse", FeedStore::Memory),
            ("002-sse", FeedStore::Sqlite),
            ("003-sse", FeedStore::Postgres),
        ];
        assert_eq!(stores, expected);
        let said: Vec<_> = skipped.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["1 run skipped with the store `mysql`: WIREBENCH_MYSQL is not set"]);
    }

    #[test]
    fn a_variable_is_read_only_if_a_scenario_asks_for_it_and_an_empty_one_is_not_set() {
        let wrong = |_: &str| Some("nonsense".to_owned());
        assert!(Databases::read(&[scenario("\"sqlite\"")], wrong).is_ok());
        assert!(Databases::read(&[scenario("\"mysql\"")], wrong).is_err());
        let empty = Databases::read(&[scenario("\"mysql\"")], |_| Some(String::new())).unwrap();
        assert!(empty.url(FeedStore::MySql).is_none());
    }

    #[test]
    fn a_url_of_another_database_is_refused_without_its_password() {
        let mysql = |_: &str| Some("mysql://u:hunter2@h/d".to_owned());
        let error = Databases::read(&[scenario("\"postgres\"")], mysql).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.contains("WIREBENCH_POSTGRES") && said.contains("MariaDB"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        let right = Databases::read(&[scenario("\"postgres\"")], with_postgres).unwrap();
        assert!(!format!("{right:?}").contains("hunter2"), "{right:?}");
    }

    #[test]
    fn the_backbone_is_read_for_several_servers_only_and_says_how_it_is_built_in() {
        let scenario = |text| {
            Scenario::parse("x", text, Path::new(""), &Overrides::default()).expect("it is valid")
        };
        let nats =
            |name: &str| (name == environment::BACKBONE).then(|| "nats://u:hunter2@h".to_owned());
        let (one, several) = (scenario(""), scenario("server.instances = [1, 3]"));
        let read = |of: &Scenario| Databases::read(std::slice::from_ref(of), nats).unwrap();
        assert!(read(&one).backbone().is_none());
        let databases = read(&several);
        assert_eq!(databases.backbone().unwrap().to_string(), "nats://u:***@h");
        assert!(!format!("{databases:?}").contains("hunter2"), "{databases:?}");
        let mysql = |_: &str| Some("mysql://h/d".to_owned());
        assert!(Databases::read(std::slice::from_ref(&several), mysql).is_err());
        let said = databases.not_built_in(&several);
        assert_eq!(said.is_none(), cfg!(feature = "nats"), "{said:?}");
        if let Some(said) = said {
            assert!(said.starts_with("`server.instances` asks for NATS"), "{said}");
            assert!(said.contains("--features nats"), "{said}");
        }
    }

    #[test]
    fn a_nats_of_others_is_neither_several_servers_nor_taken_away() {
        let nats = |name: &str| (name == environment::BACKBONE).then(|| "nats://h".to_owned());
        let of = |text: &str| {
            let text = format!("server.instances = 3\n{text}");
            let scenario = Scenario::parse("x", &text, Path::new(""), &Overrides::default());
            let scenario = scenario.expect("it is valid");
            let read = |variable: fn(&str) -> Option<String>| {
                let databases = Databases::read(std::slice::from_ref(&scenario), variable).unwrap();
                let (runs, _) = databases.split(scenario.runs(1));
                (databases.not_started(&scenario), runs[0].backbone_servers)
            };
            (read(|_| None), read(nats))
        };
        let fault = "faults.backbone = \"kill\"\nserver.backbone-servers = 3";
        for (text, key) in
            [(fault, "faults.backbone"), ("server.backbone-servers = [1, 3]", "server.b")]
        {
            let ((own, started), (others, named)) = of(text);
            assert_eq!((own, named), (None, None));
            assert!(started.is_some(), "{text}");
            let others = others.unwrap();
            assert!(others.starts_with(&format!("`{key}")), "{others}");
            assert!(others.contains("`WIREBENCH_BACKBONE` names one"), "{others}");
        }
        assert_eq!(of(""), ((None, Some(1)), (None, None)));
    }

    #[test]
    fn a_missing_database_says_how_to_build_it_in_unless_its_runs_are_skipped() {
        let scenario = scenario(ALL);
        let databases = Databases::read(std::slice::from_ref(&scenario), with_postgres).unwrap();
        let said = databases.not_built_in(&scenario).unwrap_or_default();
        for database in Database::ALL {
            // The scenario has no address of MySQL, and no scenario keeps its feed in NATS.
            let may_be_needed = matches!(database, Database::Sqlite | Database::Postgres);
            let is_needed = may_be_needed && !database.is_built_in();
            let feature = said.split("--features ").nth(1).unwrap_or_default();
            assert_eq!(feature.contains(database.feature()), is_needed, "{database:?}: {said}");
        }
    }
}
