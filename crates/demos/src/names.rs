//! Names for those who chat: nobody has to think of one, and nobody can pose as somebody.

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

/// How many there are.
pub(crate) const NAMES: usize = MANNERS.len() * BIRDS.len();

/// A name at random that is not taken; `None` when all are.
pub(crate) fn free(taken: impl Fn(&str) -> bool) -> Option<String> {
    MANNERS
        .into_iter()
        .flat_map(|manner| BIRDS.into_iter().map(move |bird| format!("{manner} {bird}")))
        .filter(|name| !taken(name))
        .choose(&mut rand::rng())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A page says the names in its reader's language.
    #[test]
    fn every_name_has_its_words_in_every_language() {
        let words = crate::assets::Web::get("words/chat.json").unwrap();
        let words: serde_json::Value = serde_json::from_slice(&words.data).unwrap();
        for language in crate::language::Language::ALL {
            let names = &words[language.name()]["names"];
            for (kind, all) in [("manners", MANNERS), ("birds", BIRDS)] {
                let known = names[kind].as_object().unwrap();
                assert_eq!(known.len(), all.len(), "{kind}");
                let said = all.map(|one| known[one].as_str().unwrap());
                assert_eq!(BTreeSet::from(said).len(), all.len(), "{kind} are told apart");
            }
        }
    }

    #[test]
    fn every_name_is_given_once_and_then_there_are_none() {
        let mut taken = BTreeSet::new();
        while let Some(name) = free(|name| taken.contains(name)) {
            assert!(taken.insert(name));
        }
        assert_eq!(taken.len(), NAMES);
    }
}
