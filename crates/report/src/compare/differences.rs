//! What else differs between the two sides, so that a change of the machine is not mistaken for one
//! of the transports.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use wirebench_scenario::{duration_text, keys, parse_duration};

use super::side::{ResultFiles, Side};
use crate::value::Value;

/// Something besides the measurements that is not the same for all runs compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What kind of thing it is.
    pub about: About,
    /// The field: tables and keys joined by dots, or the file if it is missing.
    pub field: String,
    /// Its values on the base side; more than one if folders of that side differ.
    pub base: Vec<String>,
    /// Its values on the new side.
    pub new: Vec<String>,
}

/// What a [`Difference`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// `machine.json`: the machine, the system, and how it is set up.
    Machine,
    /// The version and build of wirebench that measured.
    Wirebench,
    /// `scenario.toml`: what was to be measured.
    Scenario,
    /// The seed of everything random.
    Seed,
}

impl About {
    /// Returns one word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::Wirebench => "wirebench",
            Self::Scenario => "scenario",
            Self::Seed => "seed",
        }
    }
}

/// The field of a difference if a side has no such file.
pub(super) const MACHINE_JSON: &str = "machine.json";

/// Stands for a field that a file does not have.
const NOT_RECORDED: &str = "not recorded";

/// Fields that differ on purpose: when the runs began, and what the user called them.
const ON_PURPOSE: [&str; 2] = ["started", "tags"];

/// Every field, with all values that it has on a side.
type Fields = BTreeMap<(About, String), BTreeSet<String>>;

/// Returns all fields that are not the same on both sides, or not within one. Seeds may differ
/// within a side, because repeats with different seeds are good practice.
pub(super) fn differences(base: &Side, new: &Side) -> Vec<Difference> {
    let known = |has: fn(&ResultFiles) -> bool| base.sources.iter().chain(&new.sources).all(has);
    let known = Known {
        machine: known(|source| source.machine.is_some()),
        scenario: known(|source| source.scenario.is_some()),
    };
    let sides = [base, new].map(|side| fields(side, known));
    let keys: BTreeSet<&(About, String)> = sides.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .filter_map(|key| {
            let [base, new] = sides.each_ref().map(|fields| match fields.get(key) {
                Some(values) => values.iter().cloned().collect(),
                None => vec![unrecorded(key)],
            });
            let (about, field) = key.clone();
            let mixed = base.len() > 1 && about != About::Seed;
            (base != new || mixed).then_some(Difference { about, field, base, new })
        })
        .chain(known.missing(base, new))
        .collect()
}

/// Which files all folders of both sides have. Other files are not compared field by field: a
/// missing file is one difference, not thirty.
#[derive(Clone, Copy)]
struct Known {
    machine: bool,
    scenario: bool,
}

impl Known {
    /// Returns the difference that the machine is not known. The scenario need not be known,
    /// because its settings are in the rows.
    fn missing(self, base: &Side, new: &Side) -> Option<Difference> {
        if self.machine {
            return None;
        }
        let recorded = |side: &Side| {
            let missing = side.sources.iter().any(|source| source.machine.is_none());
            vec![if missing { NOT_RECORDED } else { "recorded" }.to_owned()]
        };
        let field = MACHINE_JSON.to_owned();
        Some(Difference { about: About::Machine, field, base: recorded(base), new: recorded(new) })
    }
}

fn fields(side: &Side, known: Known) -> Fields {
    let sources: Vec<Fields> = side.sources.iter().map(|source| of_source(source, known)).collect();
    let keys: BTreeSet<&(About, String)> = sources.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .map(|key| {
            let values = sources.iter().flat_map(|fields| match fields.get(key) {
                Some(values) => values.iter().cloned().collect(),
                None => vec![unrecorded(key)],
            });
            (key.clone(), values.collect())
        })
        .collect()
}

/// Settings in `machine.json` that older versions did not record, and the value of every run then.
const ONCE_UNRECORDED: [(&str, &str); 3] =
    [("settings.connections", "own"), ("settings.http_version", "1"), ("settings.tls", "false")];

/// The table of keys whose defaults differ from what runs did before these keys existed.
const NEW_BEHAVIOUR: &str = "reconnect";

/// Returns the value that a missing field stands for: the default of a scenario key that did not
/// exist yet, if that is how runs were made then. Otherwise it was not recorded.
fn unrecorded((about, field): &(About, String)) -> String {
    let known = match about {
        About::Scenario => keys()
            .find(|key| key.path == *field && key.table != NEW_BEHAVIOUR)
            .and_then(|key| toml::from_str::<Json>(&format!("default = {}", key.default())).ok())
            .map(|table| words(&table["default"])),
        About::Machine => {
            let once = ONCE_UNRECORDED.iter().find(|(name, _)| name == field);
            once.map(|(_, value)| (*value).to_owned())
        }
        About::Wirebench | About::Seed => None,
    };
    known.filter(|value| !value.is_empty()).unwrap_or_else(|| NOT_RECORDED.to_owned())
}

fn of_source(source: &ResultFiles, known: Known) -> Fields {
    let mut fields = Fields::new();
    let mut add = |about, field: &str, value: String| {
        fields.entry((about, field.to_owned())).or_default().insert(value);
    };
    let machine = source.machine.as_ref().filter(|_| known.machine);
    if let Some(machine) = machine {
        flatten(
            machine,
            "",
            &mut |field, value| match field.split('.').next().unwrap_or_default() {
                top if ON_PURPOSE.contains(&top) => {}
                "wirebench" => add(About::Wirebench, "version", value),
                "commit" => add(About::Wirebench, "commit", value),
                "profile" => add(About::Wirebench, "profile", value),
                "seed" => add(About::Seed, "seed", value),
                // The name of this setting in older versions.
                _ if field == "settings.connections_per_subscriber" && value == "1" => {
                    add(About::Machine, "settings.connections", "own".to_owned());
                }
                _ => add(About::Machine, field, value),
            },
        );
    }
    let scenario = source.scenario.as_ref().filter(|_| known.scenario);
    if let Some(scenario) = scenario {
        flatten(scenario, "", &mut |field, value| add(About::Scenario, field, value));
    }
    // Fields that the rows have, if the files beside them do not.
    for row in &source.rows {
        if let (None, Some(name)) = (scenario, row.text("scenario")) {
            add(About::Scenario, "name", name.to_owned());
        }
        if let (None, Some(seed @ Value::Integer(_))) = (machine, row.value("seed")) {
            add(About::Seed, "seeds of the runs", seed.to_string());
        }
    }
    fields
}

/// Calls `found` with each value in nested tables and its path.
fn flatten(value: &Json, path: &str, found: &mut impl FnMut(&str, String)) {
    match value {
        Json::Object(table) => {
            for (key, value) in table {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(value, &format!("{path}{dot}{key}"), found);
            }
        }
        other => found(path, words(other)),
    }
}

/// Returns a value in words. A list is one value, and its order counts. A list of one element is
/// the same as that element, because a key may be given either way.
fn words(value: &Json) -> String {
    match value {
        // `60s` and `1m` are the same duration.
        Json::String(text) => parse_duration(text).map_or_else(|| text.clone(), duration_text),
        Json::Array(values) => match values.as_slice() {
            [] => "none".to_owned(),
            [one] => words(one),
            [first @ .., last] => {
                let first: Vec<String> = first.iter().map(words).collect();
                format!("{} and {}", first.join(", "), words(last))
            }
        },
        // `1.0` and `1` are the same number.
        Json::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn side(machine: &Json, scenario: &Json) -> Side {
        let mut side = Side::of_rows("results", Vec::new());
        side.sources[0].machine = Some(machine.clone());
        side.sources[0].scenario = Some(scenario.clone());
        side
    }

    fn machine() -> Json {
        json!({
            "cpu": "AMD EPYC", "cores": 2, "kernel": "Linux 6.18", "port_range": [32768, 60999],
            "wirebench": "0.1.0", "commit": null, "profile": "dist",
            "started": "2026-01-01T00:00:00Z", "seed": 42,
            "tags": {}, "settings": { "tcp_nodelay": true, "tls": false },
        })
    }

    fn scenario() -> Json {
        json!({ "name": "fan-out", "crowd": { "subscribers": [100, 1000] } })
    }

    #[test]
    fn editing_any_one_field_is_noticed() {
        for (about, field, edited) in [
            (About::Machine, "cpu", json!({ "cpu": "Xeon" })),
            (About::Machine, "port_range", json!({ "port_range": [1024, 60999] })),
            (
                About::Machine,
                "settings.tls",
                json!({ "settings": { "tcp_nodelay": true, "tls": true } }),
            ),
            (About::Wirebench, "version", json!({ "wirebench": "0.2.0" })),
            (About::Wirebench, "commit", json!({ "commit": "abc" })),
            (About::Wirebench, "profile", json!({ "profile": "release" })),
            (About::Seed, "seed", json!({ "seed": 43 })),
            (About::Machine, "governor", json!({ "governor": "performance" })),
        ] {
            let mut other = machine();
            for (key, value) in edited.as_object().unwrap() {
                other[key] = value.clone();
            }
            let found = differences(&side(&machine(), &scenario()), &side(&other, &scenario()));
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!((found[0].about, found[0].field.as_str()), (about, field));
        }
        let other = json!({ "name": "fan-out", "crowd": { "subscribers": [100, 2000] } });
        let found = differences(&side(&machine(), &scenario()), &side(&machine(), &other));
        assert_eq!(
            found,
            [Difference {
                about: About::Scenario,
                field: "crowd.subscribers".to_owned(),
                base: vec!["100 and 1000".to_owned()],
                new: vec!["100 and 2000".to_owned()],
            }]
        );
    }

    #[test]
    fn a_list_of_one_is_its_element_and_an_unrecorded_setting_is_its_default() {
        let mut old = machine();
        old["settings"] =
            json!({ "tcp_nodelay": true, "tls": false, "connections_per_subscriber": 1 });
        let mut new = machine();
        new["settings"] = json!({
            "tcp_nodelay": true, "tls": [false], "http_version": [1], "connections": ["own"],
        });
        let old_scenario = json!({ "name": "fan-out", "crowd": { "subscribers": 100 } });
        let new_scenario = json!({
            "name": "fan-out", "crowd": { "subscribers": [100], "connections": "own" },
            "faults": { "proxy": "none", "cut-share": 1.0, "proxy-idle": "1m" },
        });
        let found = differences(&side(&old, &old_scenario), &side(&new, &new_scenario));
        assert_eq!(found, [], "all of it is the same");
    }

    #[test]
    fn a_setting_that_is_not_the_default_differs_from_one_that_was_not_recorded() {
        let shared = json!({ "name": "fan-out", "crowd": {
            "subscribers": [100, 1000], "connections": "shared",
        } });
        let found = differences(&side(&machine(), &scenario()), &side(&machine(), &shared));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].base[0].as_str(), found[0].new[0].as_str()), ("own", "shared"));
    }

    #[test]
    fn the_start_and_the_tags_may_differ() {
        let mut other = machine();
        other["started"] = json!("2026-02-02T00:00:00Z");
        other["tags"] = json!({"branch": "faster"});
        assert_eq!(differences(&side(&machine(), &scenario()), &side(&other, &scenario())), []);
    }

    #[test]
    fn folders_of_one_side_that_differ_are_reported_even_if_the_other_side_differs_too() {
        let mut mixed = side(&machine(), &scenario());
        let mut other = machine();
        other["kernel"] = json!("Linux 6.19");
        mixed.sources.extend(side(&other, &scenario()).sources);
        let found = differences(&mixed, &mixed);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].base, ["Linux 6.18", "Linux 6.19"]);
    }

    #[test]
    fn a_field_that_one_side_does_not_record_is_a_difference() {
        let mut bare = side(&machine(), &scenario());
        bare.sources[0].machine.as_mut().unwrap().as_object_mut().unwrap().remove("cores");
        let found = differences(&bare, &side(&machine(), &scenario()));
        assert_eq!(found[0].base, [NOT_RECORDED]);
    }

    #[test]
    fn a_side_without_its_machine_file_is_one_difference() {
        let mut bare = side(&machine(), &scenario());
        bare.sources[0].machine = None;
        let found = differences(&side(&machine(), &scenario()), &bare);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].field, "machine.json");
        assert_eq!(found[0].new, [NOT_RECORDED]);
    }

    #[test]
    fn repeats_of_one_side_may_have_different_seeds() {
        let mut seeds = side(&machine(), &scenario());
        let mut other = machine();
        other["seed"] = json!(43);
        seeds.sources.extend(side(&other, &scenario()).sources);
        assert_eq!(differences(&seeds, &seeds), []);
        assert_eq!(differences(&seeds, &side(&machine(), &scenario())).len(), 1);
    }
}
