//! Scenario files.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_scenario::fuzzing::scenario(bytes));
