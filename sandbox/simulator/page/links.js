// Where links may lead: https pages and telephone numbers, shown in full before anything opens.

/** The address that a tap may open, or null: other schemes are refused, whatever they are dressed as. */
export function destination(address) {
  if (typeof address !== "string") return null;
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol === "https:" && url.hostname && !url.username && !url.password) return url;
  if (url.protocol === "tel:" && /^tel:\+?[0-9][0-9\-().]{2,30}$/.test(url.href)) return url;
  return null;
}

/**
 * What a link into a chat of ours does on whose phone it is opened: `{channel}` with the `text` that it types (LINE), the
 * `ref` that it says (Messenger, Instagram), or `friend`; null for any other address.
 */
export function entrance(url) {
  const path = url?.pathname ?? "";
  switch (url?.hostname) {
    case "line.me":
      if (path.startsWith("/R/oaMessage/")) return { channel: "line", text: decodeURIComponent(url.search.slice(1)) };
      return path.startsWith("/R/ti/p/") ? { channel: "line", friend: true } : null;
    case "m.me":
      return { channel: "messenger", ref: url.searchParams.get("ref") ?? "" };
    case "ig.me":
      return path.startsWith("/m/") ? { channel: "instagram", ref: url.searchParams.get("ref") ?? "" } : null;
    default:
      return null;
  }
}

/** The parts of a text: [words, null] or [words, URL] for an address that may be opened. */
export function withLinks(text) {
  const parts = [];
  let from = 0;
  for (const found of String(text).matchAll(/https:\/\/[^\s<>"'，。！？、；：）」』\u3000]+/g)) {
    const words = found[0].replace(/[.,!?;:)\]]+$/, "");
    const url = destination(words);
    if (!url) continue;
    if (found.index > from) parts.push([text.slice(from, found.index), null]);
    parts.push([words, url]);
    from = found.index + words.length;
  }
  if (from < text.length) parts.push([text.slice(from), null]);
  return parts;
}

/** The host of an address that is only shown, such as a picture's. */
export function hostOf(address) {
  try {
    return new URL(address).hostname || "?";
  } catch {
    return "?";
  }
}
