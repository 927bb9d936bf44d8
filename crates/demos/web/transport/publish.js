// Upstream, for the transports that only carry messages down: a request for each message.

import { address } from "./address.js";

/** Publishes a payload and returns its cursor. An error carries the server's `hint` and `status`. */
export async function publish(feed, payload, lane) {
  const answer = await fetch(address(feed, "messages", { lane }), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(payload),
  });
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(said.error), { hint: said.hint, status: answer.status });
  return said.cursor;
}
