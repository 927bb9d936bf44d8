//! Cursors, and the messages that carry them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_protocol::fuzzing::cursor(bytes));
