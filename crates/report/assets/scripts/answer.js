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

/** Tables that stand side by side where the page is wide. */
const SIDE_BY_SIDE = ["Delivery", "Cost"];
const isBeside = ({ of }) => SIDE_BY_SIDE.some((name) => of.startsWith(name) && !of.startsWith("Cost of"));

/** The tables of the answer, in the order in which they answer the question. None is wider than the
 * page. */
function answerTables(some) {
  const groups = data.answer_tables.map(({ title, columns }) => ({
    of: title,
    columns: columns.map((column) => ({ ...column, ...SUMMARIES[column.summary] })),
  }));
  const [narrow, phone] = NARROW.map((query) => query.matches);
  const pieces = ({ of, columns }) => Array.from({ length: Math.ceil(columns.length / COLUMNS_OF_A_PHONE) }, (_, at) => [{
    of: at === 0 ? of : `${of}, continued`,
    columns: columns.slice(at * COLUMNS_OF_A_PHONE, (at + 1) * COLUMNS_OF_A_PHONE),
  }]);
  const joined = (tables, group) => {
    const last = tables.at(-1);
    if (last && isBeside(group) && isBeside(last[0])) last.push(group);
    else tables.push([group]);
    return tables;
  };
  const tables = phone ? groups.flatMap(pieces)
    : narrow ? groups.map((group) => [group]) : groups.reduce(joined, []);
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
