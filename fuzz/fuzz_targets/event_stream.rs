//! The decoder of event streams.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_loadgen::fuzzing::event_stream(bytes));
