//! What the routes of the demo API share: access checks, request bodies and error responses.

pub(crate) mod access;
pub(crate) mod answer;
pub(crate) mod join;
