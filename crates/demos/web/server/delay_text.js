// Writes times between the two clocks no more precisely than the clocks are known.

import { duration } from "../format.js";
import { clockError } from "./clock.js";

/** Returns a delay or an age as text. A time below the error of the clock becomes `< 1.3 ms`. */
export function delayText(ms) {
  const error = clockError();
  return ms < error ? `< ${duration(error)}` : duration(ms);
}
