// Elements, and the tables of the page. Text goes in as text: nothing from the data is markup.

function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, given] of Object.entries(attributes)) {
    if (given === false || given === null || given === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), given);
    else element.setAttribute(name, given === true ? "" : given);
  }
  element.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return element;
}

/** A table that scrolls by itself where it is wider than the page, and can then be focused. */
function scrolling(label, table) {
  const region = h("div", { class: "scroll", role: "region", "aria-label": label }, table);
  new ResizeObserver(() => {
    if (region.scrollWidth > region.clientWidth + 1) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  }).observe(region);
  return region;
}

/** A plain table: the first column names the row. */
function plainTable({ caption, head, rows }) {
  return scrolling(caption, h("table", { class: "plain" },
    h("caption", { class: "hidden" }, caption),
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {},
      h("th", { scope: "row" }, first), rest.map((text) => h("td", {}, text)))))));
}

/** Closed at first, and filled when it is opened. */
function disclosure(summary, fill) {
  const details = h("details", {}, h("summary", {}, summary));
  const open = () => {
    if (details.open && details.children.length === 1) details.append(fill());
  };
  details.addEventListener("toggle", open);
  return details;
}

/** The sample of a line's look that stands before its name. */
function sample(line) {
  const { colour, dash, symbol } = look(line);
  const svg = (tag, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, given] of Object.entries(attributes)) element.setAttribute(name, given);
    return element;
  };
  const shapes = {
    square: "M11 2h8v8h-8z", diamond: "M15 1l5 5l-5 5l-5-5z", "triangle-up": "M15 1l5 9h-10z",
    circle: "M15 1.5a4.5 4.5 0 1 0 .01 0z",
  };
  const dashes = { dot: "2 3", dashdot: "7 3 2 3", dash: "6 3", solid: "none" };
  const shape = Object.keys(shapes).find((name) => symbol.startsWith(name));
  const root = svg("svg", { width: 30, height: 12, viewBox: "0 0 30 12", "aria-hidden": "true", class: "sample" });
  root.append(
    svg("path", { d: "M0 6h30", stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes[dash] }),
    svg("path", {
      d: shapes[shape], stroke: colour, "stroke-width": 1.5,
      fill: symbol.includes("-open") ? css("--paper") : colour,
    }),
  );
  return root;
}

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

/** Of a share, in percent, rounded down: 100 is all. */
const shareText = (v) => String(Math.floor(v * 1e4 + 1e-6) / 100);

/** What is there besides where something went wrong on purpose. */
const FAULTS = { of: "Faults", ofRuns: "Faults, the worst of all runs", columns: [
  { name: "delivered_ratio", head: "delivered", unit: "%", say: shareText, take: lowest },
  { name: "missed_signalled", head: "missed, signalled", unit: "", say: (v) => count(v), take: worst },
  { name: "missed_silently", head: "missed in silence", unit: "", say: (v) => count(v), take: worst },
  { name: "duplicate", head: "repeated", unit: "", say: (v) => count(v), take: worst },
  { name: "back_99_ms", head: "99 % back", unit: "s", say: (v) => significant(v / 1000), take: highest },
  { name: "reconnects_peak_per_s", head: "peak of reconnects", unit: "1/s", say: (v) => count(v), take: worst },
] };

/** The columns of the answer. */
const ANSWER = [
  { of: "Delivery", columns: [
    { name: "delivery_p50_us", head: "p50", unit: "ms", say: inMillis, take: middle },
    { name: "delivery_p99_us", head: "p99", unit: "ms", say: inMillis, take: middle },
    { name: "delivery_p99_us", head: "p99 range", unit: "ms", range: true },
    { name: "delivery_max_us", head: "max", ofRuns: "max of all runs", unit: "ms", say: inMillis, take: highest },
    { name: "missing", head: "missing", ofRuns: "missing, most of any run", unit: "", say: (v) => count(v), take: worst },
  ] },
  { of: "Cost", columns: [
    { name: "requests", head: "requests", unit: "", say: (v) => count(Math.round(v)), take: middle },
    { name: "empty_responses", head: "empty answers", unit: "", say: (v) => count(Math.round(v)), take: middle },
    { name: "bytes_per_message", head: "bytes per message", unit: "B", say: significant, take: middle },
    { name: "server_cpu_us_per_message", head: "server CPU per message", unit: "µs", say: significant, take: middle },
    { name: "server_rss_per_subscriber_bytes", head: "server memory per subscriber", unit: "KiB", say: (v) => significant(v / 1024), take: middle },
  ] },
];

function rangeText(line, name) {
  const all = numbers(line, name);
  if (all.length < 2) return ABSENT;
  return `${inMillis(Math.min(...all))}–${inMillis(Math.max(...all))}`;
}

/** Whether a line has or shares the first place in a column, as the runs themselves say. */
const isBest = (line, name) => line.runs.some((run) => run.best.includes(name));

/** What stands below each value of a column: who is best, and how many times as much the others
 * are as the lowest. */
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

/** Below these widths each group of columns is a table of its own, or several of three columns. */
const NARROW = [matchMedia("(max-width: 60rem)"), matchMedia("(max-width: 40rem)")];
const COLUMNS_OF_A_PHONE = 3;

/** The tables of the answer, none of which is wider than the page; faults are always by themselves. */
function answerTables(some) {
  const repeated = some.some((line) => line.all.length > 1);
  const faulty = some.some((line) => line.all.some((run) => isNumber(number(run, "delivered_ratio"))));
  const groups = (faulty ? [...ANSWER, FAULTS] : ANSWER).map(({ of, ofRuns, columns }) => ({
    of: (repeated ? ofRuns : null) ?? of,
    columns: columns.filter((column) => !column.range || repeated)
      .map((column) => ({ ...column, head: (repeated ? column.ofRuns : null) ?? column.head })),
  }));
  const [narrow, phone] = NARROW.map((query) => query.matches);
  const pieces = ({ of, columns }) => Array.from({ length: Math.ceil(columns.length / COLUMNS_OF_A_PHONE) }, (_, at) => [{
    of: at === 0 ? of : `${of}, continued`,
    columns: columns.slice(at * COLUMNS_OF_A_PHONE, (at + 1) * COLUMNS_OF_A_PHONE),
  }]);
  const [delivery, cost, ...faults] = groups;
  const tables = phone ? groups.flatMap(pieces)
    : narrow ? groups.map((group) => [group]) : [[delivery, cost], ...faults.map((group) => [group])];
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
    if (column.range) return h("td", { class: "range" }, rangeText(line, column.name));
    const found = column.take(line, column.name);
    if (!isNumber(found)) return h("td", { class: "absent" }, ABSENT);
    const { best, ratio } = rating(line);
    return h("td", { class: best ? "best" : null },
      h("span", { class: "number" }, column.say(found)),
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
  const name = groups.map((group) => group.of).join(" and ");
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

/** What stands for what in the table above. */
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

/** Predicted beside measured, for each line that a law applies to. */
function theoryRows(some) {
  const of = (line, name) => median(line.runs.map((run) => run.predicted?.[name] ?? null));
  const perMessage = (line) => median(line.runs.map((run) => ratio(number(run, "requests"), received(run))));
  const emptyShare = (line) => median(line.runs.map((run) => ratio(number(run, "empty_responses"), number(run, "requests"))));
  const millis = (v) => withUnit(inMillis(v), "ms");
  const laws = [
    ["mean delivery", "mean_us", (line) => middle(line, "delivery_mean_us"), millis],
    ["p95 delivery", "p95_us", (line) => middle(line, "delivery_p95_us"), millis],
    ["longest delivery", "max_us", (line) => highest(line, "delivery_max_us"), millis],
    ["requests per message", "requests_per_message", perMessage, significant],
    ["share of empty answers", "empty_ratio", emptyShare, percent],
  ];
  return some.flatMap((line) => laws.map(([what, field, take, say]) => {
    const [predicted, measured] = [of(line, field), take(line)];
    if (!isNumber(predicted)) return null;
    const push = what === "requests per message" && predicted === 0 && measured === 0;
    if (push) return null;
    const apart = isNumber(measured) && predicted > 0 ? signedPercent(measured / predicted - 1) : ABSENT;
    return { line, cells: [what, say(predicted), isNumber(measured) ? say(measured) : ABSENT, apart] };
  }).filter(Boolean));
}

function theoryTable(some) {
  const rows = theoryRows(some);
  if (rows.length === 0) {
    return h("p", { class: "absent" }, "No law applies to this setting: theory speaks of links with a delay, and of steady or random feeds.");
  }
  const bodies = some.map((line) => {
    const ofLine = rows.filter((row) => row.line === line);
    if (ofLine.length === 0) return null;
    const { delay_us: delay, delay_of: of } = line.runs.find((run) => run.predicted).predicted;
    const from = of ? `measured: median of ${title(of)} at this setting` : "of the link, as set";
    return h("tbody", {},
      h("tr", { class: "setting" }, h("th", { scope: "rowgroup", colspan: 4 },
        h("span", {}, sample(line), lineName(line)),
        h("span", { class: "note" }, `d = ${quantity(delay, "µs")}, ${from}`))),
      ofLine.map(({ cells: [what, ...rest] }) =>
        h("tr", {}, h("th", { scope: "row" }, what), rest.map((text) => h("td", {}, text)))));
  });
  return scrolling("Predicted and measured", h("table", { class: "theory" },
    h("caption", { class: "hidden" }, "What theory predicts beside what was measured."),
    h("thead", {}, h("tr", {}, ["", "Predicted", "Measured", "Apart"].map((text) =>
      h(text ? "th" : "td", text ? { scope: "col" } : {}, text)))),
    bodies));
}

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

const comparedName = ({ transport, setting: at }) =>
  [title(transport), ...Object.entries(at).map(([name, v]) => settingText(name, v))].join(", ");

/** A value of a metric; all delays in the same unit. */
const metricText = (name, v, unit) =>
  (name.startsWith("delivery_") && isNumber(v) ? withUnit(inMillis(v), "ms") : quantity(v, columnOf(name)?.unit ?? unit));

/** By how much, as a share of the base where there is one, and where it lies for sure. */
function changeTexts({ metric, unit, relative, absolute }) {
  const signed = (v) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${metricText(metric, Math.abs(v), unit)}`;
  const [estimate, say] = relative ? [relative, signedPercent] : [absolute, signed];
  if (!estimate) return [ABSENT, ABSENT];
  if (!isNumber(estimate.low)) return [say(estimate.change), ABSENT];
  const same = estimate.low === estimate.high;
  return [say(estimate.change), same ? say(estimate.low) : `${say(estimate.low)} to ${say(estimate.high)}`];
}

/** How many of each verdict, and which changed. */
function verdictsInShort({ settings }) {
  const all = settings.flatMap((compared) => compared.changes.map((change) => ({ compared, change })));
  const of = (verdict) => all.filter(({ change }) => change.verdict === verdict);
  const list = (verdict) => of(verdict).map(({ compared, change }) => {
    const [by, interval] = changeTexts(change);
    return h("li", {}, h("strong", {}, `${metricName(change.metric)} ${by}`), ` (${interval}), ${comparedName(compared)}`);
  });
  const row = (name, items) => h("div", {}, h("dt", {}, name),
    h("dd", {}, items.length > 0 ? h("ul", {}, items) : "none"));
  const same = h("div", {}, h("dt", {}, "no change"), h("dd", {}, `${plural(of("no-change").length, "metric")} of ${count(all.length)}`));
  return h("dl", { class: "short" }, row("worse", list("worse")), row("cannot tell", list("cannot-tell")), row("better", list("better")), same);
}

/** The verdicts of a comparison. */
function verdictTable(comparison) {
  const body = (compared) => h("tbody", {},
    h("tr", { class: "setting" }, h("th", { scope: "rowgroup", colspan: 6 },
      h("span", {}, comparedName(compared)),
      h("span", { class: "note" }, `${compared.base_runs} against ${plural(compared.new_runs, "run")}`))),
    compared.changes.map((change) => {
      const { metric, unit, base, new: fresh, verdict, reason } = change;
      return h("tr", { class: verdict },
        h("th", { scope: "row", title: columnOf(metric)?.meaning }, metricName(metric)),
        [metricText(metric, base, unit), metricText(metric, fresh, unit), ...changeTexts(change)].map((text) => h("td", {}, text)),
        h("td", { class: "verdict" }, verdict.replaceAll("-", " "),
          reason ? h("span", { class: "note" }, reason.replaceAll("-", " ")) : null));
    }));
  return scrolling("Verdicts", h("table", { class: "theory" },
    h("caption", { class: "hidden" }, "What became of each metric, base against new."),
    h("thead", {}, h("tr", {}, ["", "Base", "New", "Change", "95 % interval", "Verdict"].map((text) =>
      h(text ? "th" : "td", text ? { scope: "col" } : {}, text)))),
    comparison.settings.map(body)));
}

/** What a metric is called in a title. */
const METRICS = {
  delivery_p50_us: "Delivery, p50",
  delivery_p99_us: "Delivery, p99",
  delivery_max_us: "Delivery, longest",
  missing: "Missing deliveries",
  reconnects: "Reconnects",
  requests: "Requests",
  empty_responses: "Empty answers",
  bytes_per_message: "Bytes per message",
  server_cpu_us_per_message: "Server CPU per message",
  server_rss_per_subscriber_bytes: "Server memory per subscriber",
  server_rss_peak_bytes: "Server memory, peak",
};

const metricName = (name) => METRICS[name] ?? name;

const ratio = (part, whole) => (isNumber(part) && isNumber(whole) && whole > 0 ? part / whole : null);

/** Deliveries to divide by; none where none was made. */
const received = (run) => number(run, "received");
