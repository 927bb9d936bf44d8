//! Bytes of a connection to the server: HTTP/1.1, HTTP/2, WebSocket.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wirebench_server::fuzzing::connection(bytes));
