// Short polling: ask every interval, and be answered at once.
//
// A message waits for the next poll, half an interval on average. Most polls of a quiet feed are for
// nothing, and each of them carries all of its headers again.

import { setting } from "./address.js";
import { poll, sleep } from "./polling.js";

const ANSWER_MS = 30_000;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, on) {
  const interval = () => setting(options.interval, 1000);
  let slot;

  return poll(feed, "short-polling", options, on, async (first, signal) => {
    // From the start of one poll to the start of the next, however long the answer took: waiting a
    // whole interval after each answer would poll less often than it says.
    slot = first || slot === undefined ? performance.now() : await next(slot, interval, signal);
    return { parameters: {}, within: ANSWER_MS };
  });
}

/**
 * Waits for the slot after `slot` and returns it. An answer that took longer than the interval costs the
 * slots that passed meanwhile: the latest is taken at once, the others are not caught up.
 */
async function next(slot, interval, signal) {
  // In short waits, since the interval may change while we wait for the end of a long one.
  while (performance.now() < slot + interval() && !signal.aborted) {
    await sleep(Math.min(100, slot + interval() - performance.now()), signal);
  }
  const passed = Math.floor((performance.now() - slot) / interval());
  return slot + Math.max(1, passed) * interval();
}
