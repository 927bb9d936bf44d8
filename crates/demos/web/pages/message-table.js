// Message table: one table in three ways at once. Polled as a whole and without a cursor, as one of
// the tutorials does it; polled with a cursor; and pushed.

import { byId, setText } from "../elements.js";
import { count, fill } from "../format.js";
import { words } from "../page_data.js";
import { clockReady } from "../server/clock.js";
import { watchLaneCounts } from "../server/lane_counts.js";
import { Insertion } from "./message-table/insertion.js";
import { watchStore } from "./message-table/store.js";
import { WayView } from "./message-table/way_view.js";

const REFRESH_MS = 200;

// The same scale in all three charts: a curve that does not climb must not look like one that does.
const highest = (chart, least) => () => Math.max(least, ...ways.map((way) => way[chart].highest()));
const scales = { bytes: highest("bytes", 1024), queries: highest("queries", 4) };

await clockReady;
const ways = [
  new WayView("whole", "short-polling", { mode: "whole" }, scales),
  new WayView("cursor", "short-polling", { mode: "table", after: "start" }, scales),
  new WayView("push", "sse", { after: "start" }, scales),
];
new Insertion();

watchLaneCounts((countsOf, asked_at) => {
  for (const way of ways) way.update(countsOf, asked_at);
});

watchStore((store) => {
  for (const way of ways) way.showStore(store);
  showPlace(store);
  showAllQueries(store);
});

function showPlace({ store, rows_kept }) {
  byId("in-memory").hidden = store !== null;
  byId("in-store").hidden = store === null;
  if (store === null) return;
  const database = words.databases[store] ?? store;
  setText(byId("in-store"), fill(words.in_store, { database, n: count(rows_kept) }));
}

/** Shows what the database has to do in all, of which the polls of this page are a part. */
function showAllQueries({ per_second }) {
  if (per_second === undefined) return;
  const own = ways.reduce((sum, way) => sum + (way.queriesPerSecond() ?? 0), 0);
  const values = { all: count(per_second), own: count(own) };
  setText(byId("all-queries"), fill(words.all_queries, values));
}

setInterval(() => {
  for (const way of ways) way.show();
}, REFRESH_MS);
