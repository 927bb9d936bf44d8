// Times between the server's clock and ours, no more exact than the two are known to agree.

import { uncertainty_ms } from "./server_clock.js";
import { duration } from "./words.js";

/** A delay or an age as text. Below what the clocks may be off by, it could be anything: `< 1.3 ms`. */
export function apart(ms) {
  const least = uncertainty_ms();
  return ms < least ? `< ${duration(least)}` : duration(ms);
}
