//! What a Socket.IO client hears after its handshake.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_loadgen::fuzzing::socket_io(bytes));
