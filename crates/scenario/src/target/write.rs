//! The commented target to start from.

use super::TARGET;
use crate::toml_text::commented;

/// Returns a target to start from: every key with what it means, set to its default. Before it can be
/// used, it needs the URL of a transport, and a way to publish.
pub fn commented_target() -> String {
    let intro = "A target for wirebench: a server to measure. Every key may be left out; the values \
                 here are the defaults. Set the URL of each transport that the server has, and say \
                 how to publish. The targets that come with wirebench are examples.";
    commented(&TARGET, intro)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::target::TargetFile;

    #[test]
    fn the_commented_target_lacks_only_what_nobody_else_can_know() {
        let text = commented_target();
        let problems =
            TargetFile::parse("init.toml", &text, Path::new("")).unwrap_err().to_string();
        assert_eq!(problems.matches("init.toml:").count(), 2, "{problems}");
    }
}
