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
