// An estimate of the server's clock. Messages are stamped by it, and arrive by this page's clock.

import { get } from "./api.js";
import { watchServer } from "./status.js";

const PROBES = 8;
const REFRESH_MS = 30_000;

/** How far two clocks may drift apart: 50 µs in a second. */
const DRIFT = 50e-6;

// The best probe: server time minus page time in ms, its maximum error, and when it was taken.
let best;
let life;
let measuring = false;

/**
 * Returns the delivery delay of a message in ms, from publishing to `at` (performance.now()).
 * Returns `undefined` while the server's clock is unknown, and for a stamp of another clock: a
 * database may have kept the message since before the server's host was restarted.
 */
export function deliveryDelay(message, at) {
  if (!best) return undefined;
  const delay = at + best.offset - message.published_ns / 1e6;
  if (-delay > currentError(best)) return undefined;
  // No message arrives before it was published: the server's clock must be ahead of the estimate.
  if (delay < 0) best.offset -= delay;
  return Math.max(0, delay);
}

/** Returns the time of the server's clock in ms at a time of this page's clock. */
export const serverTime = (at = performance.now()) => (best ? at + best.offset : undefined);

/**
 * Returns the time of this page's clock (performance.now()) at a time of the server's, given in ns.
 */
export const localTime = (ns) => (best ? ns / 1e6 - best.offset : undefined);

/** Returns the maximum error of the estimate in ms, or `undefined` if it is unknown. */
export const clockError = () => (best && best.error < Infinity ? currentError(best) : undefined);

const currentError = ({ error, at }) => error + (performance.now() - at) * DRIFT;

/** Resolves when the server's clock is known for the first time. */
export const clockReady = new Promise((resolve) => {
  const measure = () => measureClock(resolve);
  measure();
  setInterval(measure, REFRESH_MS);
  watchServer(({ here, returned, state }) => {
    if (here && state.life !== life) {
      // A restarted server may run on another machine with another clock. Until it is measured, the
      // old estimate is the best guess, and every new probe is better.
      if (best && life !== undefined) best.error = Infinity;
      life = state.life;
      measure();
    } else if (returned || (here && !best)) {
      measure();
    }
  });
});

async function measureClock(onKnown) {
  if (measuring) return;
  measuring = true;
  try {
    for (let probe = 0; probe < PROBES; probe += 1) await probeClock();
    onKnown();
  } catch {
    // The server is away. Its return causes the next measurement.
  } finally {
    measuring = false;
  }
}

async function probeClock() {
  const sent = performance.now();
  const { now_ns } = await get("/demo/time");
  const at = performance.now();
  // The server read its clock at some time within the round trip, so the shortest has the smallest
  // error.
  const error = (at - sent) / 2;
  if (best && error >= currentError(best)) return;
  best = { offset: now_ns / 1e6 - (sent + error), error, at };
}
