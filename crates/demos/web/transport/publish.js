// Publishes with a request for each message, for transports that carry messages only to the
// browser. And the errors of those that publish over their own connection.

import { address } from "./address.js";

/** Returns an error whose `why` says what happened to a message. The page has the words for it. */
export const publishError = (why, status) => Object.assign(new Error(why), { why, status });

/** See `publish` in mod.js. The error for an error status has a `status`. */
export async function publish(feed, payload, lane) {
  const response = await fetch(address(feed, "messages", { lane }), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(payload),
  });
  // The status says enough: a proxy may answer as well, and not in JSON.
  if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
  return { cursor: (await response.json()).cursor };
}
