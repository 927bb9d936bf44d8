// Sentences with values in them, and numbers as the language of the page writes them.

import { common, language } from "./page_data.js";

const locale = language === "zh" ? "zh-Hans" : "en";

/**
 * Fills the places of a sentence: `fill("away for {seconds} s", { seconds: 2 })`. An entry whose
 * wording depends on a number is `{"one": …, "other": …}`, and `values.n` chooses between the two.
 * Neither language of the pages distinguishes more cases.
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

// A value that was not measured is shown as a dash and never as zero.
const isKnown = (value) => value !== undefined && value !== null && !Number.isNaN(value);

/** A number with this many decimals. */
export function count(value, digits = 0) {
  if (!isKnown(value)) return common.absent;
  return format(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Milliseconds with their unit: `250 ms`, in Chinese `250 毫秒`. */
export const milliseconds = (value, digits = 0) => `${count(value, digits)} ${common.unit.ms}`;

/** Seconds with their unit: `12 s`, in Chinese `12 秒`. */
export const seconds = (value, digits = 0) => `${count(value, digits)} ${common.unit.s}`;

/** A measured duration with about three digits: `0.4 ms`, `12 ms` or `1.25 s`. */
export function duration(ms) {
  if (!isKnown(ms)) return common.absent;
  const size = Math.abs(ms);
  if (size === 0) return milliseconds(0);
  if (size < 9.95) return milliseconds(ms, 1);
  if (size < 999.5) return milliseconds(ms);
  if (size < 9_995) return seconds(ms / 1000, 2);
  if (size < 99_950) return seconds(ms / 1000, 1);
  return seconds(ms / 1000);
}

/** A chosen duration, as on a scale or a slider, without trailing zeros: `0`, `250 ms`, `2 s`. */
export function shortDuration(ms) {
  if (ms === 0) return "0";
  const trimmed = (value) => format(value, { maximumSignificantDigits: 3 });
  const { unit } = common;
  return Math.abs(ms) < 1000 ? `${trimmed(ms)} ${unit.ms}` : `${trimmed(ms / 1000)} ${unit.s}`;
}

/** Bytes as `512 B`, `3.4 KiB` or `1.2 MiB`. */
export function bytes(value) {
  if (!isKnown(value)) return common.absent;
  if (value < 1024) return `${count(value, Number.isInteger(value) ? 0 : 1)} B`;
  if (value < 1024 ** 2) return `${count(value / 1024, 1)} KiB`;
  return `${count(value / 1024 ** 2, 1)} MiB`;
}

const BYTE_UNITS = [
  { size: 1024 ** 2, name: "MiB" },
  { size: 1024, name: "KiB" },
  { size: 1, name: "B" },
];

const unitOf = (value) => BYTE_UNITS.find(({ size }) => value >= size) ?? BYTE_UNITS.at(-1);

/** Returns the size of the unit in which a number of bytes is written. */
export const byteUnit = (value) => unitOf(value).size;

/** Bytes on a scale, without trailing zeros: `0`, `512 B`, `50 KiB`. */
export function shortBytes(value) {
  if (value === 0) return "0";
  const { size, name } = unitOf(value);
  return `${format(value / size, { maximumSignificantDigits: 3 })} ${name}`;
}

/** A ratio as `31 %`, in Chinese as `31%`. */
export function percent(ratio, digits = 0) {
  if (!isKnown(ratio)) return common.absent;
  return fill(common.unit.percent, { n: count(ratio * 100, digits) });
}
