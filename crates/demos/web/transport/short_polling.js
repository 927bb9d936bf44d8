// Short polling: ask at an interval, and get an answer at once.
//
// A message waits for the next poll, half an interval in the mean. Most polls of a quiet feed find
// nothing, and each of them sends all of its headers again.
//
// A poll asks for the messages after its cursor. With the mode `whole` it has no cursor, and each
// response has all messages that the feed keeps. With the mode `table` it has one, but the server
// asks the database of the feed for each poll, and not only for what memory no longer has.

import { option } from "./address.js";
import { poll, sleep } from "./polling.js";

const DEADLINE_MS = 30_000;

/** See `subscribe` in mod.js. */
export function subscribe(feed, options, onEvent) {
  const interval = () => option(options.interval, 1000);
  let slot;

  return poll(feed, "short-polling", options, onEvent, async (first, signal) => {
    // The interval is from the start of one poll to the start of the next. Waiting a whole interval
    // after each response would poll less often than the interval says.
    const fresh = first || slot === undefined;
    slot = fresh ? performance.now() : await nextSlot(slot, interval, signal);
    const { mode } = options;
    const parameters = mode === "whole" ? { mode, after: undefined } : { mode };
    return { parameters, deadline_ms: DEADLINE_MS };
  });
}

/**
 * Waits for the slot after `slot` and returns it. After a response that took longer than the
 * interval, the latest of the missed slots is used at once, and the others are skipped.
 */
async function nextSlot(slot, interval, signal) {
  // In short waits, because the interval may change during a long one.
  while (performance.now() < slot + interval() && !signal.aborted) {
    await sleep(Math.min(100, slot + interval() - performance.now()), signal);
  }
  const passed = Math.floor((performance.now() - slot) / interval());
  return slot + Math.max(1, passed) * interval();
}
