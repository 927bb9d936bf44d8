//! Runs a fuzz target on its corpus, for the tests of the crate. What fuzzing found stays tested
//! where nobody fuzzes.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Calls `target` with each file of its corpus. Panics with the name of the file on which `target`
/// panics.
pub(crate) fn replay(name: &str, target: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(name);
    let mut inputs = 0;
    for file in fs::read_dir(corpus).expect("each target has a corpus") {
        let file = file.expect("the corpus can be listed").path();
        let input = fs::read(&file).expect("the corpus can be read");
        let held = catch_unwind(AssertUnwindSafe(|| target(&input)));
        assert!(held.is_ok(), "`{name}` does not hold for `{}`", file.display());
        inputs += 1;
    }
    assert!(inputs > 0, "the corpus of `{name}` is empty");
}
