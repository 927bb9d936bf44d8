// What the reader has to know before using the numbers.

/** Everything that makes the numbers unusable, or changes what they mean. */
function warnings() {
  const invalid = runs.filter((run) => !isValid(run));
  const several = data.sources.length > 1;
  const items = invalid.map((run) => {
    const line = lines.find((one) => one.all.includes(run));
    return h("li", {}, h("strong", {}, runName(run)), several ? ` (${run.source.name})` : "",
      line.usable ? ", left out: " : ", do not use: ", value(run, "invalid_reason") ?? "no reason given");
  });
  items.push(...runs.filter((run) => isValid(run) && disturbance(run) !== null).map((run) =>
    h("li", {}, h("strong", {}, runName(run)), several ? ` (${run.source.name})` : "",
      ", disturbed: ", disturbance(run))));
  const notes = [];
  for (const source of data.sources) {
    const where = several ? `${source.name}: ` : "";
    notes.push(...source.warnings.map((text) => where + text));
    if (source.runs.length > 0 && !source.runs.some((run) => run.seconds)) notes.push(`${where}There is no timeline of these runs (timeline.csv).`);
  }
  const without = [...new Set(runs.filter((run) => number(run, "server_cpu_s") === null).map((run) => labelOf(value(run, "transport"))))];
  if (without.length > 0) notes.push(`The server's cost was not measured for ${without.join(", ")}.`);
  if (runs.some(forgetsItsCursor)) notes.push(data.without_cursor);
  items.push(...notes.map((text) => h("li", {}, text)));
  if (data.comparison) {
    if (data.comparison.advice) items.push(h("li", {}, data.comparison.advice));
    const differing = data.comparison.differences.map(({ about, field, base, new: fresh }) =>
      h("li", {}, h("strong", {}, `${about} differs: ${field}`), `, base ${base.join(", ")}, new ${fresh.join(", ")}`));
    items.push(...(differing.length <= 2 ? differing : [h("li", {}, h("details", {},
      h("summary", {}, `${count(differing.length)} things differ besides what was measured`), h("ul", {}, differing)))]));
    items.push(...data.comparison.unpaired.map(({ transport, setting: at, base_valid: base, new_valid: fresh }) =>
      h("li", {}, h("strong", {}, comparedName({ transport, setting: at })),
        ` has no partner: ${plural(base, "valid run")} of base, ${plural(fresh, "valid run")} of new`)));
  }
  if (items.length === 0) return h("p", { class: runs.length > 0 ? "fine" : "absent" }, runs.length > 0 ? `No warnings: ${runs.length === 1 ? "the run is" : `all ${count(runs.length)} runs are`} valid.` : "There are no runs.");
  const heading = invalid.length > 0 ? `${plural(invalid.length, "invalid run")} of ${count(runs.length)}` : "Before you use these numbers";
  return h("div", { class: "warning" }, h("h3", {}, heading), h("ul", {}, items));
}
