// Exponential back-off with jitter: the wait doubles from half a second to eight seconds.

const FIRST_MS = 500;
const MAX_MS = 8000;

/** Returns a back-off. Call `reset()` once a connection is established. */
export function backOff() {
  let tries = 0;
  return {
    /**
     * Returns the milliseconds to wait, chosen at random from the upper half of the range.
     * Otherwise clients that were cut together would all come back at the same time, and again
     * after each doubling.
     */
    next() {
      const most = Math.min(FIRST_MS * 2 ** tries, MAX_MS);
      tries += 1;
      return most * (0.5 + Math.random() / 2);
    },
    reset() {
      tries = 0;
    },
  };
}
