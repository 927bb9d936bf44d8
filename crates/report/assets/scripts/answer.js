// The tables of the answer: delivery and cost of each transport, and what only some runs measure.

/** How one value is made of the runs of a line, and how it is written in the unit of its column. A
 * range has its own text. */
const SUMMARIES = {
  median: { take: middle, say: significant },
  "median-count": { take: middle, say: (v) => count(Math.round(v)) },
  highest: { take: highest, say: significant },
  "highest-count": { take: worst, say: count },
  "lowest-share": { take: lowest, say: shareText },
  range: { range: true },
};

function rangeText(line, { name, divisor }) {
  const all = numbers(line, name);
  if (all.length < 2) return ABSENT;
  return `${significant(Math.min(...all) / divisor)}–${significant(Math.max(...all) / divisor)}`;
}

/** True if a line has or shares the first place in a column. The data says so of each run. */
const isBest = (line, name) => line.runs.some((run) => run.best.includes(name));

/** The note below each value of a column: which lines are best, and the ratio of the others to the
 * lowest. */
function ratings(group, column) {
  const usable = group.filter((line) => line.usable);
  const measured = usable.map((line) => column.take(line, column.name)).filter(isNumber);
  const lowest = Math.min(...measured);
  const best = usable.filter((line) => isBest(line, column.name));
  const upward = columnOf(column.name).better === "higher";
  return (line) => {
    const found = column.take(line, column.name);
    if (best.length === 0 || !line.usable || !isNumber(found)) return {};
    if (best.includes(line)) return { best: best.length === 1 ? "best" : "tied" };
    return { ratio: lowest > 0 && !upward ? found / lowest : null };
  };
}

/** Below the first width, each group of columns is a separate table. Below the second, it is several
 * tables of three columns. */
const NARROW = [matchMedia("(max-width: 60rem)"), matchMedia("(max-width: 40rem)")];
const COLUMNS_OF_A_PHONE = 3;

/** The tables of the answer. None is wider than the page; what only some runs measure always has a separate table. */
function answerTables(some) {
  const repeated = some.some((line) => line.all.length > 1);
  const has = (name) => some.some((line) => line.all.some((run) => isNumber(number(run, name))));
  const [deliveryOf, costOf, sentOf, sentCostOf, faultsOf, publishedOf, withoutCursorOf, storeOf, hostsOf, connectingOf] =
    repeated ? data.answer_tables.repeats : data.answer_tables.one_run;
  const additional = [
    ...(has("upstream_sent") ? [sentOf, sentCostOf] : []),
    ...(has("missed_signalled") ? [faultsOf] : []),
    ...(some.some((line) => line.all.some((run) => value(run, "timers") === "per-connection")) ? [publishedOf] : []),
    ...(some.some((line) => line.all.some(forgetsItsCursor)) ? [withoutCursorOf] : []),
    ...(has("store_queries_per_s") ? [storeOf] : []),
    ...(has("clock_bound_ms") || has("same_host_count") ? [hostsOf] : []),
    ...(some.some((line) => line.all.some((run) => number(run, "subscribers") >= data.answer_tables.large_crowd))
      ? [connectingOf] : []),
  ];
  const groups = [deliveryOf, costOf, ...additional].map(({ title, columns }) => ({
    of: title,
    columns: columns.map((column) => ({ ...column, ...SUMMARIES[column.summary] })),
  }));
  const [narrow, phone] = NARROW.map((query) => query.matches);
  const pieces = ({ of, columns }) => Array.from({ length: Math.ceil(columns.length / COLUMNS_OF_A_PHONE) }, (_, at) => [{
    of: at === 0 ? of : `${of}, continued`,
    columns: columns.slice(at * COLUMNS_OF_A_PHONE, (at + 1) * COLUMNS_OF_A_PHONE),
  }]);
  const [delivery, cost, ...others] = groups;
  const tables = phone ? groups.flatMap(pieces)
    : narrow ? groups.map((group) => [group]) : [[delivery, cost], ...others.map((group) => [group])];
  return tables.map((shown) => answerTable(some, shown));
}

function answerTable(some, groups) {
  const columns = groups.flatMap((group) => group.columns);
  const bySetting = new Map();
  for (const line of some) {
    const name = [
      ...shared.map((setting) => settingText(setting, line.settings[setting])),
      ...(data.view === "overlay" ? [SIDES[line.side]] : []),
    ].join(", ");
    bySetting.set(name, [...(bySetting.get(name) ?? []), line]);
  }
  const cell = (line, column, rating) => {
    if (column.range) return h("td", { class: "range" }, rangeText(line, column));
    const found = column.take(line, column.name);
    if (!isNumber(found)) return h("td", { class: "absent" }, ABSENT);
    const { best, ratio } = rating(line);
    return h("td", { class: best ? "best" : null },
      h("span", { class: "number" }, column.say(found / column.divisor)),
      best ? h("span", { class: "note" }, best)
        : isNumber(ratio) ? h("span", { class: "note" }, times(ratio)) : null);
  };
  const body = ([name, group]) => {
    const rating = columns.map((column) => (column.range ? null : ratings(group, column)));
    return h("tbody", {},
      name === "" ? null : h("tr", { class: "setting" },
        h("th", { scope: "rowgroup", colspan: columns.length + 1 }, h("span", {}, name))),
      group.map((line) => h("tr", { class: line.usable ? null : "invalid" },
        h("th", { scope: "row" }, sample(line), h("span", {}, lineName(line)),
          line.usable ? null : h("span", { class: "note" }, "invalid: do not use"),
          line.disturbed ? h("span", { class: "note" }, "disturbed: see the warnings") : null),
        columns.map((column, at) => cell(line, column, rating[at])))));
  };
  const name = groups.map((group) => group.of).join("; ");
  return scrolling(`${name} by transport`, h("table", { class: "answer" },
    h("caption", { class: "hidden" }, `${name} of each transport; the best of each column are marked.`),
    h("thead", {},
      h("tr", {}, h("td", {}), groups.map((group) =>
        h("th", { scope: "colgroup", colspan: group.columns.length }, group.of))),
      h("tr", {}, h("th", { scope: "col" }, "Transport"), columns.map((column) =>
        h("th", { scope: "col", title: columnOf(column.name).meaning }, column.head,
          column.unit ? h("span", { class: "unit" }, column.unit) : null)))),
    [...bySetting].map(body)));
}

/** Explains the numbers and marks of the table above. */
function answerNotes(some) {
  const most = Math.max(...some.map((line) => line.runs.length));
  const same = some.every((line) => line.runs.length === most);
  return [
    "Delivery is from the time a message was due to its last byte read, before decoding.",
    most > 1
      ? `Medians of ${same ? "" : "up to "}${most} runs each, unless the heading says otherwise.`
      : "One run of each: it says how that run went, not how the next will go. Repeat it (--repeat 10) to see the spread.",
    some.some((line) => line.runs.some((run) => run.best.length > 0)) ? `“Best” and “tied” stand for the best of its setting, ${data.near_the_best}.` : "",
    "× is the ratio to the lowest of its setting.",
    `${ABSENT} was not measured, or is not applicable.`,
  ].filter(Boolean).join(" ");
}

/** Names in a row: `a, b and c`. */
const listed = (names) => [names.slice(0, -1).join(", "), names.at(-1)].filter(Boolean).join(" and ");

/** A sentence for each of the most important columns: which transport is first. Transports that the
 * runs cannot tell apart share the place. */
function inShort(some) {
  // What polls without a cursor lost has no delay and no cost: they are compared with nothing.
  const usable = some.filter((line) => line.usable && !line.disturbed && !line.runs.some(forgetsItsCursor));
  const disturbed = some.filter((line) => line.usable && line.disturbed);
  const judged = [
    ["Soonest at p99", "delivery_p99_us", (v) => withUnit(inMillis(v), "ms"), (x) => `takes ${x} times as long`],
    ["Fewest bytes per message", "bytes_per_message", (v) => quantity(v, "B"), (x) => `needs ${x} times as many`],
    ["Least server CPU per message", "server_cpu_us_per_message", (v) => quantity(v, "µs"), (x) => `needs ${x} times as much`],
  ];
  return judged.map(([what, name, say, more]) => {
    const ranked = usable.map((line) => [line, middle(line, name)]).filter(([, v]) => isNumber(v))
      .sort((a, b) => a[1] - b[1]);
    if (ranked.length < 2) return null;
    const first = ranked.filter(([line]) => isBest(line, name));
    // If a disturbed line has the better value, none is called first.
    if (first.length === 0 && disturbed.length > 0) return null;
    const sharing = first.length > 0 ? first : ranked;
    const values = distinct(sharing.map(([, v]) => v)).map(say);
    const span = values[0] === values.at(-1) ? values[0] : `${values[0]} to ${values.at(-1)}`;
    const [[, lowest]] = sharing;
    const [last, most] = ranked.at(-1);
    return h("div", {}, h("dt", {}, what), h("dd", {},
      h("strong", {}, listed(sharing.map(([line]) => lineName(line)))), ", ", h("span", { class: "number" }, span),
      sharing.length > 1 ? ` (${values[0] === values.at(-1) ? "the same" : "too close to tell apart"}). ` : ". ",
      lowest > 0 && !sharing.some(([line]) => line === last)
        ? `${lineName(last)} ${more(significant(most / lowest))}.` : ""));
  });
}
