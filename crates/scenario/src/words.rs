//! The words of messages: lists, numbers, and the name that was probably meant.

/// Returns the name most similar to `wanted`, if one is similar enough to have been meant.
pub(crate) fn nearest<'n>(wanted: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|name| (strsim::normalized_damerau_levenshtein(wanted, name), name))
        .filter(|(similarity, _)| *similarity >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

/// Joins words to a list such as `a, b and c`, with `last` before the last word.
pub(crate) fn joined(words: impl IntoIterator<Item = String>, last: &str) -> String {
    let mut words: Vec<_> = words.into_iter().collect();
    match (words.pop(), words.is_empty()) {
        (Some(word), false) => format!("{} {last} {word}", words.join(", ")),
        (word, _) => word.unwrap_or_default(),
    }
}

/// Writes a number with `_` between its thousands, as in `10_000`.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// Writes a text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
