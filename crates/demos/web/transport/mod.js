// The browser half of each transport: a function that calls back with events, and nothing else.
//
// The events are the same on every transport and named as in crates/measure/src/event.rs:
//   { kind: "connected" }                        the subscription stands
//   { kind: "request" }                          a poll was sent
//   { kind: "empty" }                            an answer without messages
//   { kind: "received", message, cursor, at }    `at` = performance.now(), taken before decoding
//   { kind: "gap", gap, cursor }                 the server says that messages cannot be delivered
//   { kind: "closed", why, status?, again_ms? }  away; it comes back as its transport does
//
// `why` is `unreachable`, `ended` or `refused`; the words for it are in words/common.json.

// The server generates this module from the table of transports.
import { clients as halves } from "../transports.js";

/** The names of the transports, as in addresses and lane tags. */
export const transports = Object.keys(halves);

/**
 * Subscribes to a feed over a transport.
 *
 * @param {string} transport one of `transports`
 * @param {string} feed its name
 * @param {{after?: string, lane?: string, interval?: number | (() => number), hold?: number | (() => number)}} options
 *   `after`: the cursor to go on from; `lane`: what the server books the bytes under; `interval` in ms
 *   (short polling) and `hold` in s (long polling), functions where a slider may move them
 * @param {(event: object) => void} on called with each event
 * @returns {{ stop(): void, publish(payload: any): Promise<string> }}
 */
export function subscribe(transport, feed, options, on) {
  const subscription = halves[transport].subscribe(feed, options, on);
  // A browser keeps the page that was left, for whoever comes back to it, with its connections: a stream
  // there would take one of the six that the next page may open. layout.js loads the page anew.
  addEventListener("pagehide", subscription.stop);
  return subscription;
}
