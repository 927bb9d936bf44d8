//! Requests over HTTP/1.1, for the part of the server that answers without hyper.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_server::fuzzing::plain(bytes));
