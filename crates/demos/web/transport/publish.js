// Upstream, for the transports that only carry messages down: a request for each message.

import { address } from "./address.js";

/** Publishes a payload and returns its cursor. The error of a server that refuses carries its `status`. */
export async function publish(feed, payload, lane) {
  const answer = await fetch(address(feed, "messages", { lane }), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(payload),
  });
  // Whoever stands between may answer too, and not in JSON: the status is known without the body.
  if (!answer.ok) throw Object.assign(new Error("refused"), { status: answer.status });
  return (await answer.json()).cursor;
}
