// Predicted values beside measured ones.

/** The predicted and the measured values of each line that a law applies to. */
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
    ["share delivered", "delivered_ratio", (line) => middle(line, "delivered_ratio"), percent],
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
    const from = of ? `measured: median of ${labelOf(of)}, the smallest of a push transport at this setting` : "of the link, as set";
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
