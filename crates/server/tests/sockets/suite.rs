// The tests, which are compiled twice: for each of the two ways to serve HTTP/1.1.

mod announced;
mod audience;
mod embed;
mod hostile;
mod layer;
mod lifecycle;
mod limits;
#[expect(dead_code, reason = "each test uses its part of what they share")]
#[path = "../raw/mod.rs"]
mod raw;
mod support;
