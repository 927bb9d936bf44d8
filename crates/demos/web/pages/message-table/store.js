// What the server tells of the table's store: asked once, and once a second if there is a database.

import { get } from "../../server/api.js";
import { Rate } from "./rate.js";

const PERIOD_MS = 1000;

/**
 * Calls back with `{ store, rows_kept, per_second }`: the database, or `null` for a table in
 * memory; how many rows the table keeps; and the queries per second that the server sends to the
 * database, `undefined` until it is known and without a database.
 */
export function watchStore(listener) {
  const queries = new Rate();

  async function repeat() {
    try {
      const told = await get("/demo/message-table");
      if (told.queries !== null) queries.add(told.at_ns / 1e6, told.queries);
      listener({ ...told, per_second: queries.perSecond() });
      // A restarted server has its table in the same place.
      if (told.store === null) return;
    } catch {
      // The server is away, which the notice at the top of the page says.
      queries.interrupt();
    }
    setTimeout(repeat, PERIOD_MS);
  }
  repeat();
}
