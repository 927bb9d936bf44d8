// The words of the page in the reader's language, and numbers written as that language writes them.

const found = JSON.parse(document.getElementById("page-data").textContent);

/** `"en"` or `"zh"`. */
export const language = found.language;

/** The dictionary of this page: words/<page>.json. */
export const words = found.words;

/** What all pages say: words/common.json. */
export const common = found.common;

/** The table of transports: { name, label, delivery, script, dash, … }. */
export const transports = found.transports;

const locale = language === "zh" ? "zh-Hans" : "en";

/**
 * A sentence with its places filled: `fill("away for {seconds} s", { seconds: 2 })`. Where the number
 * of things changes the sentence, the entry is `{"one": …, "other": …}` and `values.n` chooses: neither
 * language of ours makes a difference between two and many.
 */
export function fill(entry, values = {}) {
  const text = typeof entry === "string" ? entry : values.n === 1 ? entry.one : entry.other;
  return text.replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

const formats = new Map();

function format(value, options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale, options));
  return formats.get(key).format(value);
}

// What was not measured is a dash and never a zero.
const known = (value) => value !== undefined && value !== null && !Number.isNaN(value);

/** A number of things, or with `digits` a number with that many decimals. */
export function count(value, digits = 0) {
  if (!known(value)) return common.absent;
  return format(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A number of milliseconds with its unit: `250 ms`, in Chinese `250 毫秒`. */
export const milliseconds = (value, digits = 0) => `${count(value, digits)} ${common.unit.ms}`;

/** A number of seconds with its unit: `12 s`, in Chinese `12 秒`. */
export const seconds = (value, digits = 0) => `${count(value, digits)} ${common.unit.s}`;

/** Milliseconds as `0.4 ms`, `12 ms` or `1.25 s`; in Chinese with the units of Chinese. */
export function duration(ms) {
  if (!known(ms)) return common.absent;
  const size = Math.abs(ms);
  if (size === 0) return milliseconds(0);
  if (size < 9.95) return milliseconds(ms, 1);
  if (size < 999.5) return milliseconds(ms);
  if (size < 9_995) return seconds(ms / 1000, 2);
  if (size < 99_950) return seconds(ms / 1000, 1);
  return seconds(ms / 1000);
}

/** A given duration, as on a scale or a slider: `0`, `250 ms`, `2 s`, without decimals that say nothing. */
export function briefly(ms) {
  if (ms === 0) return "0";
  const trimmed = (value) => format(value, { maximumSignificantDigits: 3 });
  const { unit } = common;
  return Math.abs(ms) < 1000 ? `${trimmed(ms)} ${unit.ms}` : `${trimmed(ms / 1000)} ${unit.s}`;
}

/** Bytes as `512 B`, `3.4 KiB` or `1.2 MiB`. */
export function bytes(value) {
  if (!known(value)) return common.absent;
  if (value < 1024) return `${count(value, Number.isInteger(value) ? 0 : 1)} B`;
  if (value < 1024 ** 2) return `${count(value / 1024, 1)} KiB`;
  return `${count(value / 1024 ** 2, 1)} MiB`;
}

/** A ratio as `31 %`; in Chinese as `31%`. */
export function percent(ratio, digits = 0) {
  return known(ratio) ? fill(common.unit.percent, { n: count(ratio * 100, digits) }) : common.absent;
}
