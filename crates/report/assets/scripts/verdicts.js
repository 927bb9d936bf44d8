// The verdicts of a comparison.

const comparedName = ({ transport, setting: at }) =>
  [labelOf(transport), ...Object.entries(at).map(([name, v]) => settingText(name, v))].join(", ");

/** A value of a metric. All delays have the same unit. */
const metricText = (name, v, unit) =>
  (name.startsWith("delivery_") && isNumber(v) ? withUnit(inMillis(v), "ms") : quantity(v, columnOf(name).unit ?? unit));

/** The change, as a share of the base if the base is not 0, and its interval. */
function changeTexts({ metric, unit, relative, absolute }) {
  const signed = (v) => `${v > 0 ? "+" : v < 0 ? "−" : ""}${metricText(metric, Math.abs(v), unit)}`;
  const [estimate, say] = relative ? [relative, signedPercent] : [absolute, signed];
  if (!estimate) return [ABSENT, ABSENT];
  if (!isNumber(estimate.low)) return [say(estimate.change), ABSENT];
  const same = estimate.low === estimate.high;
  return [say(estimate.change), same ? say(estimate.low) : `${say(estimate.low)} to ${say(estimate.high)}`];
}

/** The number of metrics with each verdict, and which of them changed. */
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
        h("th", { scope: "row", title: columnOf(metric).meaning }, metricName(metric)),
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
