// The page's only conversation partner: its own server.

async function ask(method, path, body) {
  const response = await fetch(`/api/${path}`, {
    method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(answer?.error ?? `HTTP ${response.status}`);
  return answer;
}

export const get = (path) => ask("GET", path);
export const post = (path, body = {}) => ask("POST", path, body);
export const put = (path, body) => ask("PUT", path, body);

/** Calls `heard` with everything that happens; `lost` and `found` as the connection goes and comes, until it is closed. */
export function listen(heard, { lost, found }) {
  const stream = new EventSource("/api/stream");
  stream.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  stream.addEventListener("error", lost);
  stream.addEventListener("open", found);
  return stream;
}
