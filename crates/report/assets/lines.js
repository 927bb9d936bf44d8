// Runs, and the lines they belong to: one transport at one setting, with all its repeats.

const data = JSON.parse(document.getElementById("data").textContent);
const columnAt = new Map(data.columns.map((column, at) => [column.name, at]));
const secondAt = new Map(data.timeline_columns.map((name, at) => [name, at]));
const columnOf = (name) => data.columns[columnAt.get(name)];

/** Settings of one transport alone: runs that differ in them are still compared. */
const OWN = ["poll_interval_us", "hold_us"];
const SIDES = ["base", "new"];

/** A value of a run; null when it was not measured. */
const value = (run, name) => run.values[columnAt.get(name)] ?? null;

function number(run, name) {
  const found = value(run, name);
  return isNumber(found) ? found : null;
}

const isValid = (run) => value(run, "valid") === true;

/** What took processor time from a run that was disturbed; null for one that was not. */
const disturbance = (run) =>
  (value(run, "disturbed") === true ? value(run, "disturbed_reason") ?? "no reason given" : null);

/** A setting; the size of replayed payloads was measured and is none. */
function setting(run, name) {
  if (name === "payload_bytes" && value(run, "payload_source") !== null) return null;
  return value(run, name);
}

const runs = data.sources.flatMap((source, folder) =>
  source.runs.map((run) => ({ ...run, source, folder, side: source.side })));

function distinct(values) {
  const found = [...new Set(values)];
  return found.sort((a, b) =>
    isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b)));
}

/** The settings that are not the same in all runs. */
const varying = data.columns
  .filter(({ name, part }) => (part === "setting" && name !== "transport") || name === "scenario")
  .map(({ name }) => name)
  .filter((name) => {
    const values = runs.map((run) => setting(run, name));
    return distinct(OWN.includes(name) ? values.filter((v) => v !== null) : values).length > 1;
  });
const shared = varying.filter((name) => !OWN.includes(name));
const own = varying.filter((name) => OWN.includes(name));

const COLOURS = ["short-polling", "long-polling", "sse", "websocket"];
const DASHES = ["dot", "dashdot", "dash", "solid"];
const SYMBOLS = ["square", "diamond", "triangle-up", "circle"];
const VARIANTS = ["", "-open", "-cross", "-x"];

/** Where a transport is listed; one that is not known comes last. */
const place = (line) => (data.transports.indexOf(line.transport) + 100) % 100;

/** The lines of some runs, in the order in which transports are always listed. */
function linesOf(some) {
  const lines = new Map();
  for (const run of some) {
    const settings = Object.fromEntries(varying.map((name) => [name, setting(run, name)]));
    const key = JSON.stringify([
      value(run, "transport"), run.side, data.view === "trend" ? run.folder : 0, settings,
    ]);
    if (!lines.has(key)) {
      lines.set(key, {
        key, settings, transport: value(run, "transport") ?? "unknown", side: run.side,
        folder: run.folder, all: [],
      });
    }
    lines.get(key).all.push(run);
  }
  for (const line of lines.values()) {
    const valid = line.all.filter(isValid);
    line.usable = valid.length > 0;
    // The valid runs; all of them where none is, so that something can be looked at.
    line.runs = line.usable ? valid : line.all;
    // Disturbed runs count, but a line with one of them is never called best.
    line.disturbed = line.runs.some((run) => disturbance(run) !== null);
  }
  const order = (a, b, name) => {
    const [x, y] = [a.settings[name], b.settings[name]];
    return isNumber(x) && isNumber(y) ? x - y : String(x).localeCompare(String(y));
  };
  return [...lines.values()].sort((a, b) =>
    shared.map((name) => order(a, b, name)).find((o) => o !== 0) || place(a) - place(b)
    || a.transport.localeCompare(b.transport)
    || own.map((name) => order(a, b, name)).find((o) => o !== 0) || a.side - b.side
    || a.folder - b.folder);
}

const lines = linesOf(runs);

/** What tells a line from the others at the same setting: the transport, its own settings, side. */
function lineParts(line) {
  const parts = own.filter((name) => line.settings[name] !== null)
    .map((name) => settingText(name, line.settings[name]));
  if (data.view === "overlay") parts.push(SIDES[line.side]);
  return [title(line.transport), ...parts];
}

const lineName = (line) => lineParts(line).join(", ");

/** The identity by which a line keeps its look over all charts, and is switched on and off. */
const lineKind = (line) =>
  JSON.stringify([line.transport, line.side, own.map((name) => line.settings[name])]);

const kinds = [...new Map(lines.map((line) => [lineKind(line), line])).values()]
  .sort((a, b) => place(a) - place(b));

/** Colour, dash and marker of a line: of its transport; the marker tells variants, the dash sides. */
function look(line) {
  const at = Math.max(data.transports.indexOf(line.transport), 0);
  const same = kinds.filter((kind) => kind.transport === line.transport && kind.side === line.side);
  const variant = same.findIndex((kind) => lineKind(kind) === lineKind(line));
  const sides = data.view === "overlay";
  return {
    colour: css(`--${COLOURS[at]}`),
    dash: sides ? ["dash", "solid"][line.side] : DASHES[(at + Math.max(variant, 0)) % 4],
    symbol: SYMBOLS[at] + (sides && line.side === 0 ? "-open" : VARIANTS[Math.max(variant, 0) % 4]),
  };
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const numbers = (line, name) => line.runs.map((run) => number(run, name)).filter(isNumber);
const middle = (line, name) => median(numbers(line, name));

/** Which runs of a line are shown, in words. */
function runsBehind(line) {
  const left = line.all.length - line.runs.length;
  if (!line.usable) return `${plural(line.runs.length, "run")}, invalid`;
  return plural(line.runs.length, "run") + (left > 0 ? `, ${left} invalid left out` : "");
}

/** A run in words that tell it from the others. */
function runName(run) {
  const settings = varying.map((name) => [name, setting(run, name)]).filter(([, v]) => v !== null);
  const words = [title(value(run, "transport")), ...settings.map(([n, v]) => settingText(n, v))];
  if (data.view === "overlay") words.push(SIDES[run.side]);
  const repeat = value(run, "repeat");
  if (repeat !== null && runs.some((other) => value(other, "repeat") > 1)) words.push(`repeat ${repeat}`);
  return words.join(", ");
}
