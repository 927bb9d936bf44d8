// The addresses of feeds.

/** Returns the path of a feed, with the parameters that have a value. */
export function address(feed, transport, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null) query.set(name, value);
  }
  const text = query.toString();
  return `/feeds/${encodeURIComponent(feed)}/${transport}${text && `?${text}`}`;
}

/** Returns the present value of an option that may be a function, or the default. */
export function option(value, otherwise) {
  return (typeof value === "function" ? value() : value) ?? otherwise;
}
