//! A buffer that a read borrows for as long as it takes.

use std::cell::RefCell;

/// The size of the buffer: the largest head that is read into it, and more than most messages.
pub(crate) const BYTES: usize = 8 << 10;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BYTES].into());
}

/// Lends the buffer of the current thread to `read`, which must not borrow it once more.
pub(crate) fn lend<T>(read: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| read(scratch))
}
