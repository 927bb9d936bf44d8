// What time the server has: messages are stamped with its clock, and arrive by ours.

import { get, watch } from "./server.js";

const PROBES = 8;
const REFRESH_MS = 30_000;

/** How far two clocks may drift apart: 50 µs in a second. */
const DRIFT = 50e-6;

// The best probe: server time minus ours in ms, how far off that may be, and when it was taken.
let best;
let life;
let measuring = false;

/**
 * Delivery delay of a message in ms, from publishing to `at` (performance.now()); `undefined` while the
 * server's clock is unknown.
 */
export function delay(message, at) {
  if (!best) return undefined;
  const found = at + best.offset - message.published_ns / 1e6;
  // No message arrives before it was published, so the server's clock is ahead of what we took it for.
  if (found < 0) best.offset -= found;
  return Math.max(0, found);
}

/** The server's clock, in ms, at a moment of ours; `undefined` while it is unknown. */
export const server_ms = (at = performance.now()) => (best ? at + best.offset : undefined);

/** Our clock (performance.now()) at a moment of the server's, given in ns. */
export const local_ms = (ns) => (best ? ns / 1e6 - best.offset : undefined);

/** How far off the clock may be, in ms; `undefined` where that is not known. */
export const uncertainty_ms = () => (best && best.within < Infinity ? uncertainty(best) : undefined);

const uncertainty = ({ within, at }) => within + (performance.now() - at) * DRIFT;

/** Resolves when the server's clock is known for the first time. */
export const ready = new Promise((resolve) => {
  async function measure() {
    if (measuring) return;
    measuring = true;
    try {
      for (let probe = 0; probe < PROBES; probe += 1) {
        const sent = performance.now();
        const { now_ns } = await get("/demo/time");
        const at = performance.now();
        // The server read its clock somewhere within the round trip: the shortest leaves least doubt.
        const within = (at - sent) / 2;
        if (!best || within < uncertainty(best)) best = { offset: now_ns / 1e6 - (sent + within), within, at };
      }
      resolve();
    } catch {
      // Away. The return of the server brings the next probes.
    } finally {
      measuring = false;
    }
  }
  measure();
  setInterval(measure, REFRESH_MS);
  watch(({ here, returned, state }) => {
    // Another life of the server may run on another machine, by another clock. Until the probes are back
    // the old one is the best guess, and any probe is better.
    if (here && state.life !== life) {
      if (best && life !== undefined) best.within = Infinity;
      life = state.life;
      measure();
    } else if (returned || (here && !best)) {
      measure();
    }
  });
});
