// Long polling: ask, and be answered when there is something new or the hold is over.
//
// A message goes down at once if a request is waiting for it. Between an answer and the arrival of the
// next request nobody waits: what is published then is not lost, since the next request names the
// cursor, but it is a round trip late.

import { setting } from "./address.js";
import { poll } from "./polling.js";

/** How much longer than the hold a poll may wait for its answer. */
const GRACE_MS = 15_000;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, on) {
  return poll(feed, "long-polling", options, on, async (first) => {
    // The first poll is not held: with its answer the subscription stands, at once as on every
    // transport, rather than with the first message.
    const hold = first ? 0 : setting(options.hold, 25);
    return { parameters: { hold }, within: hold * 1000 + GRACE_MS };
  });
}
