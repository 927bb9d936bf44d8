// How long to wait before the next try: doubled from half a second to eight, and never the whole of it.

const FIRST = 500;
const LONGEST = 8000;

/** A back-off that starts over with `reset()`, once a connection stands. */
export function backOff() {
  let tries = 0;
  return {
    /**
     * Milliseconds to wait. Drawn from the upper half of the range, since clients that were cut together
     * would otherwise all come back at the same moment, and again after every doubling.
     */
    next() {
      const longest = Math.min(FIRST * 2 ** tries, LONGEST);
      tries += 1;
      return longest * (0.5 + Math.random() / 2);
    },
    reset() {
      tries = 0;
    },
  };
}
