//! What a client of any transport is answered.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_loadgen::fuzzing::answer(bytes));
