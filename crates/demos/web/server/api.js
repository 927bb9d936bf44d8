// Requests to the demo API. They belong to no lane.

const TIMEOUT_MS = 5000;

/** The server answered with an error status. */
export class ServerError extends Error {
  constructor(status) {
    super(`status ${status}`);
    this.name = "ServerError";
    this.status = status;
  }
}

/**
 * `GET path` as JSON. Throws a `ServerError` for an error status, and another error without an
 * answer.
 */
export const get = (path) => request("GET", path);

/** `PUT path` with a JSON body. */
export const put = (path, body) => request("PUT", path, body);

/** `POST path` with a JSON body. */
export const post = (path, body) => request("POST", path, body);

async function request(method, path, body) {
  const response = await fetch(path, {
    method,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(body !== undefined && {
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new ServerError(response.status);
  return text ? JSON.parse(text) : undefined;
}
