//! Texts in a line.

/// Returns the beginning of a text, for a line.
pub(super) fn beginning(text: &str) -> String {
    const SHOWN: usize = 60;
    let start: String = text.chars().take(SHOWN).collect();
    if start.len() < text.len() { start + "…" } else { start }
}
