//! Tables of results.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_report::fuzzing::csv(bytes));
