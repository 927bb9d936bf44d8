//! Text for a terminal or a pull request: its width, line breaks, padding and escapes.

/// How text for a terminal may look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// True if text may be bold or coloured (ANSI escape sequences). First places are marked
    /// with `*` otherwise.
    pub colour: bool,
    /// The number of columns of the terminal, at least 40. Text that is wider is broken into
    /// several lines or tables, never cut.
    pub width: usize,
}

impl Default for Style {
    /// Returns a style without colours, 80 columns wide.
    fn default() -> Self {
        Self { colour: false, width: 80 }
    }
}

/// Returns the number of characters. All characters of these texts take one column of a terminal.
pub(crate) fn display_width(text: &str) -> usize {
    text.chars().count()
}

/// Returns the spaces that make `text` as wide as `width`.
pub(crate) fn padding(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(display_width(text)))
}

/// Breaks a paragraph between words into lines of at most `width` columns. All lines but the first
/// begin with `indent`. A word that is longer than a line gets a line of its own.
pub(crate) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && column + 1 + display_width(word) > width {
            lines.push('\n');
            lines.push_str(indent);
            column = display_width(indent);
        } else if at > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += display_width(word);
    }
    lines + "\n"
}

/// Escapes text, so that it is not read as Markdown.
pub(crate) fn markdown_escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '|' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '`' => {
                escaped.extend(['\\', character]);
            }
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_broken_between_words_and_a_long_word_is_not_broken() {
        assert_eq!(wrapped("one two three", 7, "  "), "one two\n  three\n");
        assert_eq!(wrapped("one", 7, "  "), "one\n");
        assert_eq!(wrapped("a-very-long-word here", 7, ""), "a-very-long-word\nhere\n");
    }

    #[test]
    fn characters_that_markdown_knows_are_escaped() {
        assert_eq!(markdown_escaped("a|b *c*\n[d]"), "a\\|b \\*c\\* \\[d\\]");
    }
}
