// The browser's half of each transport: a function that subscribes and calls back with events.
//
// The events are the same on every transport, and named as in crates/measure/src/event.rs:
//   { kind: "connected" }                        the subscription is established
//   { kind: "request" }                          a poll was sent
//   { kind: "empty" }                            a response without messages
//   { kind: "received", message, cursor, at }    `at` = performance.now(), taken before decoding.
//                                               Short polls of the whole feed repeat messages
//   { kind: "gap", gap, cursor }                 the server says that messages cannot be delivered
//   { kind: "closed", why, status?, again_ms? }  the connection is lost; the subscription retries
//
// `why` is `unreachable`, `ended` or `refused`. words/common.json has the words for it.

// The server generates this module from the table of transports.
import { clients } from "../transports.js";

/**
 * Subscribes to a feed over a transport.
 *
 * @param {string} transport its name in the table of transports
 * @param {string} feed
 * @param {{after?: string, lane?: string, interval?: number | (() => number), hold?: number | (()
 *   => number), mode?: "table" | "whole"}} options `after`: the cursor to continue from; `lane`: the
 *   tag of the lane that the server counts the bytes in; `interval` of polls in ms and `hold` of
 *   long polls in s, as functions if a slider may change them; `mode` of short polls
 * @param {(event: object) => void} onEvent
 * @returns {{stop(): void, publish(payload: any): Promise<{cursor: string, frames?: {up: string,
 *   down: string}}>}} `publish` resolves once the server has confirmed the message. `frames` are the
 *   texts of the frame that published and of the frame that confirmed, if these were frames
 */
export function subscribe(transport, feed, options, onEvent) {
  const subscription = clients[transport].subscribe(feed, options, onEvent);
  // The browser keeps a page that was left, with its connections, in case the visitor comes back. A
  // stream would take one of the six connections that the next page may open. layout.js reloads the
  // page then.
  addEventListener("pagehide", subscription.stop);
  return subscription;
}

/**
 * Returns true if a subscription over this transport publishes over its own connection. Otherwise
 * each message that is published takes a request.
 */
export const publishesInFrames = (transport) => clients[transport].PUBLISHES_IN_FRAMES === true;
