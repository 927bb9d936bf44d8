// What the server has written into the page.

const data = JSON.parse(document.getElementById("page-data").textContent);

/** The language of the page: `"en"` or `"zh"`. */
export const language = data.language;

/** The dictionary of this page: words/<page>.json. */
export const words = data.words;

/** The dictionary of all pages: words/common.json. */
export const common = data.common;

/**
 * The table of transports, in the order in which they are listed everywhere.
 *
 * @type {{name: string, label: string, colour: string, colour_dark: string, marker: string,
 *   dash: number[], delivery: "polled" | "held" | "pushed", variable: string, script: string}[]}
 */
export const transports = data.transports;

/** Returns how messages reach a subscriber over a transport: `polled`, `held` or `pushed`. */
export const deliveryOf = (transport) =>
  transports.find(({ name }) => name === transport)?.delivery;
