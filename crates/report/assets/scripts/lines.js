// The lines that runs belong to: one transport at one setting, with all its repeats. The page's data
// has them, grouped as in every other output.

const { shared, own } = data.settings;
const varying = [...shared, ...own];

const lines = data.lines.map(({ runs: places, ...line }) => {
  const all = places.map((at) => runs[at]);
  const valid = all.filter(isValid);
  const usable = valid.length > 0;
  // The valid runs; all of them if none is valid, so that there is something to look at.
  const shown = usable ? valid : all;
  // Disturbed runs count, but a line with one of them is never called best.
  const disturbed = shown.some((run) => disturbance(run) !== null);
  return { ...line, all, usable, runs: shown, disturbed };
});

const lineOf = new Map(lines.flatMap((line) => line.all.map((run) => [run, line])));

/** What tells a line from the others at the same setting: the transport, its own settings, side. */
function lineParts(line) {
  const parts = own.filter((name) => line.settings[name] !== null)
    .map((name) => settingText(name, line.settings[name]));
  if (data.view === "overlay") parts.push(SIDES[line.side]);
  return [labelOf(line.transport), ...parts];
}

const lineName = (line) => lineParts(line).join(", ");

/** The identity by which a line keeps its look over all charts, and is switched on and off. */
const lineKind = (line) =>
  JSON.stringify([line.transport, line.side, own.map((name) => line.settings[name])]);

const kinds = [...new Map(lines.map((line) => [lineKind(line), line])).values()]
  .sort((a, b) => transportAt(a.transport) - transportAt(b.transport));

/** Names a run, so that it can be told from the others. */
function runName(run) {
  const { transport, settings } = lineOf.get(run);
  const said = varying.filter((name) => settings[name] !== null);
  const words = [labelOf(transport), ...said.map((name) => settingText(name, settings[name]))];
  if (data.view === "overlay") words.push(SIDES[run.side]);
  const repeat = value(run, "repeat");
  if (repeat !== null && runs.some((other) => value(other, "repeat") > 1)) words.push(`repeat ${repeat}`);
  return words.join(", ");
}

const numbers = (line, name) => line.runs.map((run) => number(run, name)).filter(isNumber);
const middle = (line, name) => median(numbers(line, name));

const highest = (line, name) => {
  const all = numbers(line, name);
  return all.length > 0 ? Math.max(...all) : null;
};

/** Over the invalid runs too: a loss is not left out. */
const worst = (line, name) => {
  const all = line.all.map((run) => number(run, name)).filter(isNumber);
  return all.length > 0 ? Math.max(...all) : null;
};

const lowest = (line, name) => {
  const all = line.all.map((run) => number(run, name)).filter(isNumber);
  return all.length > 0 ? Math.min(...all) : null;
};
