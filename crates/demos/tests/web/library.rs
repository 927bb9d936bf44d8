//! The library of Socket.IO is the file that its notes describe.

use std::fs;

use sha2::{Digest, Sha256};

use crate::files::{LIBRARY, WEB};

#[test]
fn the_client_of_socket_io_is_the_file_that_its_notes_describe() {
    let read = |name: &str| fs::read_to_string(format!("{WEB}/{LIBRARY}/{name}")).unwrap();
    let (script, notes) = (read("socket.io.esm.min.js"), read("README.md"));
    let hex = |sum: String, byte: &u8| format!("{sum}{byte:02x}");
    let sum = Sha256::digest(&script).iter().fold(String::new(), hex);
    assert!(notes.contains(&sum), "the checksum is {sum}");
    let (_, version) = script.split_once("Socket.IO v").unwrap();
    let version = version.lines().next().unwrap();
    assert!(notes.contains(&format!("version {version},")), "the version is {version}");
    assert!(read("LICENSE").contains("MIT"), "the licence is beside it");
}
