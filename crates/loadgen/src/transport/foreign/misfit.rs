//! What a server sent in place of what its target file says.

/// Something that is not as the target file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) found: String,
    pub(super) expected: String,
}
