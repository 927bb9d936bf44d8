//! What is not as a target file says.

use crate::error::{SubscribeError, UnexpectedStep};

/// Something that is not as the target file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    pub(crate) found: String,
    pub(crate) expected: String,
}

/// Returns the error for something that is not as the target file says. `step` names what was asked.
/// A subscriber that asks again gets the same.
pub(crate) fn unexpected(step: String, misfit: Misfit) -> SubscribeError {
    let Misfit { found, expected } = misfit;
    SubscribeError::Unexpected(Box::new(UnexpectedStep { step, found, expected, permanent: true }))
}
