// Every value of every run, and what the columns mean.

/** Every value of every run. */
function runsTable() {
  const head = data.columns.map(({ name, unit }) => (unit ? `${name}` : name));
  const several = data.sources.length > 1;
  return plainTable({
    caption: "Every value of every run, as in runs.csv",
    head: ["run", ...(several ? ["folder"] : []), ...head],
    rows: runs.map((run) => [
      value(run, "run_id") ?? ABSENT, ...(several ? [run.source.name] : []),
      ...data.columns.map(({ name }) => (value(run, name) === null ? ABSENT : String(value(run, name)))),
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
