// Every value of every run, and what the columns mean.

/** Every value of every run. */
function runsTable() {
  const shown = data.columns.filter(({ name }) => runs.some((run) => value(run, name) !== null));
  const head = shown.map(({ name, unit }) => (unit ? `${name}` : name));
  const several = data.sources.length > 1;
  return plainTable({
    caption: "Every value of every run, as in runs.csv",
    head: ["run", ...(several ? ["folder"] : []), ...head],
    rows: runs.map((run) => [
      value(run, "run_id") ?? ABSENT, ...(several ? [run.source.name] : []),
      ...shown.map(({ name }) => (value(run, name) === null ? ABSENT : String(value(run, name)))),
    ]),
  });
}

function columnsTable() {
  const ways = { lower: "lower is better", higher: "higher is better", neither: "" };
  return plainTable({
    caption: "What each column means",
    head: ["column", "unit", "meaning", ""],
    rows: data.columns.map(({ name, unit, meaning, better }) => [name, unit, meaning.replaceAll("`", ""), ways[better]]),
  });
}
