//! The pages, the files that they load, and the languages that they are written in.

mod assets;
mod language;
pub(crate) mod routes;
mod templates;
mod transports;
