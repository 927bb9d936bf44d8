// Publishes with a request for each message, for transports that carry messages only to the
// browser.

import { address } from "./address.js";

/** Publishes a payload and returns its cursor. The error for an error status has a `status`. */
export async function publish(feed, payload, lane) {
  const response = await fetch(address(feed, "messages", { lane }), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(payload),
  });
  // The status says enough: a proxy may answer as well, and not in JSON.
  if (!response.ok) throw Object.assign(new Error("refused"), { status: response.status });
  return (await response.json()).cursor;
}
