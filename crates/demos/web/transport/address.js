// Where a feed is to be had.

/** The path of a feed, with the parameters that have a value. */
export function address(feed, transport, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null) query.set(name, value);
  }
  const text = query.toString();
  return `/feeds/${encodeURIComponent(feed)}/${transport}${text && `?${text}`}`;
}

/** A setting that may be a function, so that a slider takes effect with the next poll. */
export function setting(value, otherwise) {
  return (typeof value === "function" ? value() : value) ?? otherwise;
}
