//! Names for the members of the chat. The server chooses them, so that nobody has to invent one and
//! nobody can use another member's.

use rand::seq::IteratorRandom;

const MANNERS: [&str; 24] = [
    "Able", "Brave", "Bright", "Calm", "Clever", "Curious", "Early", "Fair", "Gentle", "Glad",
    "Happy", "Honest", "Jolly", "Kind", "Lively", "Merry", "Neat", "Patient", "Polite", "Quick",
    "Quiet", "Steady", "Swift", "Warm",
];

const BIRDS: [&str; 24] = [
    "Crane", "Crow", "Dove", "Duck", "Eagle", "Falcon", "Finch", "Goose", "Gull", "Heron", "Ibis",
    "Jay", "Kite", "Lark", "Magpie", "Owl", "Plover", "Quail", "Raven", "Robin", "Stork", "Swan",
    "Tern", "Wren",
];

/// The number of names.
pub(super) const COUNT: usize = MANNERS.len() * BIRDS.len();

/// Returns a random name that is not taken, or `None` if all are taken.
pub(super) fn choose(is_taken: impl Fn(&str) -> bool) -> Option<String> {
    MANNERS
        .into_iter()
        .flat_map(|manner| BIRDS.into_iter().map(move |bird| format!("{manner} {bird}")))
        .filter(|name| !is_taken(name))
        .choose(&mut rand::rng())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// A page shows the names in the language of its reader.
    #[test]
    fn every_name_has_its_words_in_every_language() {
        let words = include_str!("../../web/words/chat.json");
        let words: BTreeMap<String, serde_json::Value> = serde_json::from_str(words).unwrap();
        for (language, words) in words {
            for (kind, all) in [("manners", MANNERS), ("birds", BIRDS)] {
                let known = words["names"][kind].as_object().unwrap();
                assert_eq!(known.len(), all.len(), "{language}: {kind}");
                let translated = all.map(|one| known[one].as_str().unwrap());
                let distinct = BTreeSet::from(translated).len();
                assert_eq!(distinct, all.len(), "{language}: {kind} differ from each other");
            }
        }
    }

    #[test]
    fn every_name_is_chosen_once_and_then_none_is_left() {
        let mut taken = BTreeSet::new();
        while let Some(name) = choose(|name| taken.contains(name)) {
            assert!(taken.insert(name));
        }
        assert_eq!(taken.len(), COUNT);
    }
}
