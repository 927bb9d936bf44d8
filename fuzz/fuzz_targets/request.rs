//! Requests, through the router.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_server::fuzzing::request(bytes));
