// The data of the page: its runs, and the values of each.

const data = JSON.parse(document.getElementById("data").textContent);
const columnAt = new Map(data.columns.map((column, at) => [column.name, at]));
const secondAt = new Map(data.timeline_columns.map((name, at) => [name, at]));
/** What is known of a column; nothing if no run has a value in it. */
const columnOf = (name) => data.columns[columnAt.get(name)] ?? {};

const SIDES = ["base", "new"];

/** A value of a run; null if it was not measured. */
const value = (run, name) => run.values[columnAt.get(name)] ?? null;

/** True if the subscribers polled without a cursor: they lost messages and were not told. */
const forgetsItsCursor = (run) => value(run, "poll_cursor") === false;

function number(run, name) {
  const found = value(run, name);
  return isNumber(found) ? found : null;
}

const isValid = (run) => value(run, "valid") === true;

/** What took processor time from a run that was disturbed; null if it was not. */
const disturbance = (run) =>
  (value(run, "disturbed") === true ? value(run, "disturbed_reason") ?? "no reason given" : null);

function distinct(values) {
  const found = [...new Set(values)];
  return found.sort((a, b) =>
    isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b)));
}

const runs = data.sources.flatMap((source, folder) =>
  source.runs.map((run) => ({ ...run, source, folder, side: source.side })));

/** The deliveries of a run, to divide by. */
const received = (run) => number(run, "received");

/** The place of a transport in the list. Unknown ones, from files of a newer version, come last. */
const transportAt = (name) => {
  const at = data.transports.findIndex((transport) => transport.name === name);
  return at < 0 ? data.transports.length : at;
};

/** A transport by its name. An unknown one looks like the first, but keeps its name. */
const transportOf = (name) =>
  data.transports[transportAt(name)] ?? { ...data.transports[0], name, label: name };

/** The name of a transport in running text. */
const labelOf = (name) => transportOf(name).label;
