//! Buffers that a read or a write borrows for as long as it takes. A subscriber that waits owns
//! none.

use std::cell::RefCell;

/// The size of the buffer of a read.
const READ_BYTES: usize = 16 << 10;

/// The largest buffer of a write that is kept.
const MAX_KEPT_BYTES: usize = 64 << 10;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Lends the read buffer of the current thread to `read`, which must not borrow it once more.
pub(crate) fn lend_to_read<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    READ.with_borrow_mut(|bytes| read(bytes))
}

/// Lends an empty buffer of the current thread to `write`, which must not borrow it once more.
pub(crate) fn lend_to_write<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    WRITE.with_borrow_mut(|bytes| {
        bytes.clear();
        let written = write(bytes);
        if bytes.capacity() > MAX_KEPT_BYTES {
            *bytes = Vec::new();
        }
        written
    })
}
