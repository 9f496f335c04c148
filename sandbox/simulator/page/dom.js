// Makes elements. Text only ever becomes text: nothing here, or in any other file, parses markup.

const SVG = "http://www.w3.org/2000/svg";

// Characters that steer the terminal, or turn the line around: they are shown by name instead of obeyed.
// Joiners stay, for emoji and scripts are made with them.
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * An element. Of `properties`, `class` and `text` are what they say, `style` is set property by property
 * (which a Content-Security-Policy allows, unlike the attribute), `on` holds listeners, the rest are attributes;
 * null and false leave one out. What is true is there, and says so where it is for screen readers.
 */
export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.append(said(value));
    else if (name === "style") Object.assign(node.style, value);
    else if (name === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else node.setAttribute(name, value === true && !name.startsWith("aria-") ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A drawn symbol; `paths` are ours. */
export function icon(name, paths = ICONS[name]) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", "0 0 24 24");
  node.setAttribute("class", `icon icon-${name}`);
  node.setAttribute("aria-hidden", "true");
  for (const path of [paths].flat()) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    node.append(line);
  }
  return node;
}

/** Somebody else's words as a piece of the page: text, with control characters made visible. */
export function said(value) {
  const text = String(value ?? "");
  const piece = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(CONTROLS)) {
    piece.append(text.slice(from, found.index));
    const name = `U+${found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    const mark = document.createElement("span");
    mark.className = "control";
    mark.textContent = name;
    piece.append(mark);
    from = found.index + found[0].length;
  }
  piece.append(text.slice(from));
  return piece;
}

/** Somebody else's words on one line, for attributes and lists. */
export function plain(value) {
  return String(value ?? "").replace(CONTROLS, "").replace(/\s+/g, " ").trim();
}

/** Whether this machine asks that nothing moves. */
export function still() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function clear(node) {
  node.replaceChildren();
  return node;
}

const ICONS = {
  back: "M15 5l-7 7 7 7",
  search: ["M11 5a6 6 0 100 12 6 6 0 000-12z", "M16 16l4 4"],
  bars: ["M4 7h16", "M4 12h16", "M4 17h16"],
  call: "M6 4l3 1 1 4-2 2a12 12 0 005 5l2-2 4 1 1 3c-1 2-3 2-5 2C9 19 5 15 4 9c0-2 0-4 2-5z",
  plus: ["M12 5v14", "M5 12h14"],
  camera: ["M4 8h3l2-2h6l2 2h3v11H4z", "M12 10a3 3 0 100 7 3 3 0 000-7z"],
  story: ["M12 3a9 9 0 0 1 9 9", "M12 21a9 9 0 0 1-9-9", "M20 15a9 9 0 0 1-5 5", "M4 9a9 9 0 0 1 5-5", "M12 8v8", "M8 12h8"],
  picture: ["M4 5h16v14H4z", "M4 16l5-5 4 4 3-3 4 4", "M9 9h.01"],
  smile: ["M12 4a8 8 0 100 16 8 8 0 000-16z", "M9 14c1 2 5 2 6 0", "M9 10h.01", "M15 10h.01"],
  send: "M4 12l16-8-6 16-3-6z",
  keyboard: ["M4 7h16v11H4z", "M8 11h.01M12 11h.01M16 11h.01", "M9 15h6"],
  place: ["M12 21c-4-5-6-8-6-11a6 6 0 0112 0c0 3-2 6-6 11z", "M12 8a2 2 0 100 4 2 2 0 000-4z"],
  down: "M7 10l5 5 5-5",
  next: "M9 5l7 7-7 7",
  person: ["M12 5a4 4 0 100 8 4 4 0 000-8z", "M5 20c1-4 13-4 14 0"],
  more: ["M6 12h.01", "M12 12h.01", "M18 12h.01"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  check: "M5 13l4 4L19 7",
  again: ["M19 6v5h-5", "M19 11a7 7 0 10-1 5"],
  globe: ["M12 4a8 8 0 100 16 8 8 0 000-16z", "M4 12h16", "M12 4c5 5 5 11 0 16-5-5-5-11 0-16z"],
  theme: ["M12 4a8 8 0 108 8 6 6 0 01-8-8z"],
  play: "M8 5l11 7-11 7z",
  block: ["M12 4a8 8 0 100 16 8 8 0 000-16z", "M6.5 6.5l11 11"],
};
