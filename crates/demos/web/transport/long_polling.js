// Long polling: ask, and get an answer when there is a message or the hold is over.
//
// A message is delivered at once if a request is waiting for it. Between a response and the arrival
// of the next request no request waits. A message published in that time is not lost, because the
// next request names the cursor, but it arrives up to a round trip late.

import { option } from "./address.js";
import { poll } from "./polling.js";

/** How much longer than the hold a poll waits for its response. */
const GRACE_MS = 15_000;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, onEvent) {
  return poll(feed, "long-polling", options, onEvent, async (first) => {
    // The first poll is not held: its response establishes the subscription. Otherwise the lane
    // would only be connected with the first message.
    const hold = first ? 0 : option(options.hold, 25);
    return { parameters: { hold }, deadline_ms: hold * 1000 + GRACE_MS };
  });
}
