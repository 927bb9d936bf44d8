//! Texts that a target server sends: which texts are in them, and what is where in each.

mod json_pointer;
mod misfit;
mod split;

pub(crate) use json_pointer::{at_pointer, content, text_at};
pub(crate) use misfit::{Misfit, unexpected};
pub(crate) use split::{split, split_body};
