// LINE's Flex messages as elements. https://developers.line.biz/en/reference/messaging-api/#flex-message
//
// An approximation, as every drawing of Flex outside of LINE is: what LINE accepts is judged by the sandbox.

import { h, plain, said, still } from "./dom.js";
import { hostOf } from "./links.js";
import { t } from "./texts.js";

// In pixels, as LINE's app draws them at its normal font size.
const FONT = { xxs: 11, xs: 13, sm: 14, md: 16, lg: 19, xl: 22, xxl: 29, "3xl": 35, "4xl": 48, "5xl": 74 };
const SPACE = { none: 0, xs: 2, sm: 4, md: 8, lg: 12, xl: 16, xxl: 20 };
const IMAGE = { xxs: 40, xs: 60, sm: 80, md: 100, lg: 120, xl: 140, xxl: 160, "3xl": 180, "4xl": 200, "5xl": 220 };
const BORDER = { none: 0, light: 0.5, normal: 1, medium: 2, "semi-bold": 3, bold: 4 };
const BLOCKS = ["header", "hero", "body", "footer"];
const COLOR = /^#[0-9A-Fa-f]{6}(?:[0-9A-Fa-f]{2})?$/;

/** `contents` of a Flex message. tap(node, action, words): makes a node do what its action says. */
export function flex(contents, tap, words) {
  if (contents?.type === "bubble") return bubble(contents, tap);
  if (contents?.type === "carousel" && Array.isArray(contents.contents)) {
    return carousel(contents.contents.map((each) => (each?.type === "bubble" ? bubble(each, tap) : unsupported(each))), words);
  }
  return unsupported(contents);
}

/** Cards side by side: they swipe, follow the arrow keys, and have a button at each end for a mouse. */
export function carousel(cards, words) {
  const track = h("div", { class: "track", tabindex: 0, role: "group", "aria-label": words.cards(cards.length) }, cards);
  const step = (by) => {
    const left = (card) => card.offsetLeft - track.offsetLeft;
    const here = track.scrollLeft;
    const ahead = cards.filter((card) => (by > 0 ? left(card) > here + 8 : left(card) < here - 8));
    const target = by > 0 ? ahead[0] : ahead.at(-1);
    if (target) track.scrollTo({ left: left(target), behavior: still() ? "instant" : "smooth" });
  };
  track.addEventListener("keydown", (event) => {
    if (event.target !== track) return;
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    step(by);
  });
  // The keyboard has the arrow keys, which it keeps after a click: no stop of the tab key.
  const click = (by) => () => {
    track.focus({ preventScroll: true });
    step(by);
  };
  const arrow = (by, name) => h("button", { class: `arrow ${name}`, type: "button", tabindex: -1, "aria-label": words[name], on: { click: click(by) } });
  const whole = h("div", { class: "carousel" }, track, arrow(-1, "before"), arrow(1, "after"));
  const mark = () => {
    whole.classList.toggle("at-start", track.scrollLeft < 8);
    whole.classList.toggle("at-end", track.scrollLeft + track.clientWidth > track.scrollWidth - 8);
  };
  track.addEventListener("scroll", mark, { passive: true });
  new ResizeObserver(mark).observe(track);
  return whole;
}

/** What this page cannot draw says so. */
export function unsupported(what) {
  return h("div", { class: "unsupported", text: `unsupported: ${plain(what?.type ?? what?.template_type ?? typeof what).slice(0, 40)}` });
}

// Where the addresses begin whose pictures this page's own server has: `hello` tells.
let served = [];
export const serves = (beginnings) => (served = beginnings);

/** A picture: from this page's server, else, since nothing is fetched elsewhere, a field. */
export function picture(address, kind = "image") {
  const place = field(hostOf(address), kind, address);
  const here = served.some((beginning) => String(address).startsWith(beginning));
  if (!here) return place;
  pictured(`/api/pictures?address=${encodeURIComponent(address)}`, place);
  return /\/q\/[^/]+\.png$/.test(String(address)) ? scannable(address, place) : place;
}

/** A QR code: with a button that holds another phone before it. */
function scannable(address, place) {
  const scan = h("button", { type: "button", class: "scan", text: t("scan") });
  scan.addEventListener("click", (event) => {
    event.stopPropagation();
    scan.dispatchEvent(new CustomEvent("scan", { bubbles: true, detail: address }));
  });
  place.classList.add("qr");
  place.setAttribute("role", "group");
  place.append(scan);
  return place;
}

/** A coloured field with a host's name, in place of a picture that is not here. */
export function field(host, kind = "image", address = host) {
  let hue = 7;
  for (const letter of String(address)) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  const place = h("div", { class: `picture ${kind}`, role: "img", "aria-label": host }, h("span", { text: host }));
  place.style.setProperty("--hue", hue);
  return place;
}

/** A picture of this page's server in a field, which stays when the picture is missing. */
export function pictured(source, place) {
  const image = h("img", { src: source, alt: "" });
  const missing = () => {
    place.classList.remove("served");
    image.remove();
  };
  image.addEventListener("error", missing, { once: true });
  place.classList.add("served");
  place.append(image);
  return place;
}

/** Makes texts that may shrink as small as they must be; call it when they are on screen. */
export function fit(root) {
  for (const node of root.querySelectorAll("[data-shrinks]")) {
    const full = Number(node.dataset.shrinks);
    node.style.fontSize = `${full}px`;
    if (!node.clientWidth || node.scrollWidth <= node.clientWidth) continue;
    node.style.fontSize = `${Math.max(8, Math.floor((full * node.clientWidth) / node.scrollWidth))}px`;
  }
}

function bubble(bubble, tap) {
  const size = ["nano", "micro", "deca", "hecto", "kilo", "mega", "giga"].includes(bubble.size) ? bubble.size : "mega";
  const node = h("div", { class: "fx-bubble", "data-size": size, dir: bubble.direction === "rtl" ? "rtl" : null });
  const present = BLOCKS.filter((name) => bubble[name]);
  for (const name of present) {
    const styles = bubble.styles?.[name] ?? {};
    const block = h("div", { class: `fx-block fx-${name}` });
    if (styles.separator && name !== present[0]) block.append(separator({ color: styles.separatorColor }, "vertical"));
    color(block, "backgroundColor", styles.backgroundColor);
    const drawn = component(bubble[name], { layout: "vertical" }, tap, true);
    if (name === "body" && present.includes("footer")) drawn.classList.add("above-footer");
    block.append(drawn);
    node.append(block);
  }
  if (bubble.action) tap(node, bubble.action, plain(bubble.action.label));
  return node;
}

function component(part, parent, tap, first) {
  const draw = { box, text, button, image, icon: iconOf, video, separator: null, filler: null }[part?.type];
  if (part?.type === "separator") return placed(separator(part, parent.layout), part, parent, first);
  if (part?.type === "filler") return h("div", { class: "fx-filler" });
  if (!draw) return unsupported(part);
  return placed(draw(part, parent, tap), part, parent, first);
}

function box(part, parent, tap) {
  const layout = ["horizontal", "vertical", "baseline"].includes(part.layout) ? part.layout : "vertical";
  const node = h("div", { class: `fx-box fx-${layout}` });
  const style = node.style;
  let first = true;
  for (const child of Array.isArray(part.contents) ? part.contents : []) {
    node.append(component(child, { layout, spacing: part.spacing }, tap, first));
    if (child?.position !== "absolute") first = false;
  }
  for (const [side, name] of Object.entries({ All: "padding", Top: "paddingTop", Bottom: "paddingBottom", Start: "paddingInlineStart", End: "paddingInlineEnd" })) {
    const value = length(part[`padding${side}`], SPACE);
    if (value !== null) style[name] = value;
  }
  for (const name of ["width", "height", "maxWidth", "maxHeight"]) {
    const value = length(part[name], {});
    if (value !== null) style[name] = value;
  }
  color(node, "backgroundColor", part.backgroundColor);
  const corner = length(part.cornerRadius, SPACE);
  if (corner !== null) style.borderRadius = corner;
  if (corner !== null || part.height || part.maxHeight) style.overflow = "hidden";
  const border = length(part.borderWidth, BORDER);
  if (border !== null && border !== "0px") {
    style.border = `${border} solid`;
    color(node, "borderColor", COLOR.test(part.borderColor) ? part.borderColor : "#D4D6DA");
  }
  if (part.justifyContent) style.justifyContent = part.justifyContent;
  if (part.alignItems) style.alignItems = part.alignItems;
  gradient(node, part.background);
  if (part.action) tap(node, part.action, plain(part.action.label) || plain(node.textContent));
  return node;
}

function text(part, parent, tap) {
  const node = h("div", { class: "fx-text" });
  const size = pixels(part.size, FONT) ?? FONT.md;
  letters(node, part);
  node.style.fontSize = `${size}px`;
  const spans = Array.isArray(part.contents) && part.contents.length ? part.contents : null;
  if (spans) {
    for (const span of spans) {
      const piece = span?.type === "span" ? h("span", { text: span.text }) : unsupported(span);
      if (span?.type === "span") letters(piece, span);
      if (pixels(span?.size, FONT)) piece.style.fontSize = `${pixels(span.size, FONT)}px`;
      node.append(piece);
    }
  } else node.append(said(part.text));
  if (part.align) node.style.textAlign = part.align;
  if (part.wrap === true) {
    node.classList.add("wraps");
    if (part.maxLines > 0) {
      node.classList.add("clamped");
      node.style.webkitLineClamp = String(part.maxLines);
    }
  }
  const spacing = pixels(part.lineSpacing, {});
  if (spacing) node.style.lineHeight = `${Math.round(size * 1.4 + spacing)}px`;
  if (part.adjustMode === "shrink-to-fit" && part.wrap !== true) node.dataset.shrinks = String(size);
  gravity(node, part, parent);
  if (part.action) tap(node, part.action, plain(node.textContent));
  return node;
}

function letters(node, part) {
  color(node, "color", part.color);
  if (part.weight === "bold") node.classList.add("bold");
  if (part.style === "italic") node.classList.add("italic");
  if (part.decoration === "underline") node.classList.add("underlined");
  if (part.decoration === "line-through") node.classList.add("struck");
}

function button(part, parent, tap) {
  const style = ["primary", "secondary"].includes(part.style) ? part.style : "link";
  const label = h("span", { text: part.action?.label ?? "" });
  const node = h("button", { class: "fx-button", type: "button", "data-style": style, "data-height": part.height === "sm" ? "sm" : "md" }, label);
  color(node, style === "link" ? "color" : "backgroundColor", part.color);
  if (part.adjustMode === "shrink-to-fit") label.dataset.shrinks = "16";
  gravity(node, part, parent);
  tap(node, part.action ?? {}, plain(part.action?.label));
  return node;
}

function image(part, parent, tap) {
  const field = picture(part.url);
  const node = h("div", { class: "fx-image" }, field);
  field.style.width = part.size === "full" ? "100%" : length(part.size ?? "md", IMAGE) ?? `${IMAGE.md}px`;
  field.style.aspectRatio = ratio(part.aspectRatio);
  color(field, "backgroundColor", part.backgroundColor);
  node.style.justifyContent = { start: "flex-start", end: "flex-end" }[part.align] ?? "center";
  gravity(node, part, parent);
  if (part.action) tap(node, part.action, plain(part.action.label) || hostOf(part.url));
  return node;
}

function iconOf(part) {
  const field = picture(part.url, "small");
  const size = pixels(part.size, FONT) ?? FONT.md;
  const [width, height] = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(part.aspectRatio ?? "")?.slice(1).map(Number) ?? [1, 1];
  field.style.height = `${size}px`;
  field.style.width = `${(size * width) / height}px`;
  return h("div", { class: "fx-icon" }, field);
}

function video(part, parent, tap) {
  const field = picture(part.previewUrl, "video");
  field.style.aspectRatio = ratio(part.aspectRatio);
  const node = h("div", { class: "fx-image" }, field);
  if (part.action) tap(node, part.action, plain(part.action.label));
  return node;
}

function separator(part, layout) {
  const node = h("div", { class: `fx-separator across-${layout === "vertical" ? "vertical" : "horizontal"}` });
  color(node, "backgroundColor", part.color);
  return node;
}

/** Where a component stands in its box: its share of the room, the gap before it, and any offset. */
function placed(node, part, parent, first) {
  const style = node.style;
  const across = parent.layout !== "vertical";
  if (part.position === "absolute") {
    style.position = "absolute";
  } else {
    const given = Number.isFinite(part.flex) ? part.flex : null;
    const share = given ?? (across && !part.width && !["separator", "icon"].includes(part.type) ? 1 : 0);
    if (across) style.flex = share > 0 ? `${share} ${share} 0` : "0 0 auto";
    else style.flex = share > 0 ? `${share} 0 auto` : "0 0 auto";
    const gap = first ? null : length(part.margin, SPACE) ?? length(parent.spacing, SPACE);
    if (gap !== null) style[across ? "marginInlineStart" : "marginTop"] = gap;
  }
  for (const [name, property] of Object.entries({ offsetTop: "top", offsetBottom: "bottom", offsetStart: "insetInlineStart", offsetEnd: "insetInlineEnd" })) {
    const value = length(part[name], SPACE);
    if (value !== null) style[property] = value;
  }
  return node;
}

function gravity(node, part, parent) {
  const where = { top: "flex-start", center: "center", bottom: "flex-end" }[part.gravity];
  if (!where) return;
  if (parent.layout === "horizontal") node.style.alignSelf = where;
  else if (parent.layout === "vertical") node.style.alignContent = where;
}

function gradient(node, background) {
  if (background?.type !== "linearGradient") return;
  const angle = /^\d+(?:\.\d+)?deg$/.test(background.angle) ? background.angle : "0deg";
  const colors = [background.startColor, background.centerColor, background.endColor];
  if (!COLOR.test(colors[0]) || !COLOR.test(colors[2])) return;
  const center = COLOR.test(colors[1]) ? `${colors[1]} ${/^\d+(?:\.\d+)?%$/.test(background.centerPosition) ? background.centerPosition : "50%"}, ` : "";
  node.style.backgroundImage = `linear-gradient(${angle}, ${colors[0]}, ${center}${colors[2]})`;
}

function color(node, property, value) {
  if (COLOR.test(value)) node.style[property] = value;
}

function ratio(value) {
  const found = /^(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)$/.exec(value ?? "");
  return found ? `${found[1]} / ${found[2]}` : "1 / 1";
}

/** A length as CSS wants it, or null when it is none. */
function length(value, words) {
  if (typeof value !== "string") return null;
  if (value in words) return `${words[value]}px`;
  return /^\d+(?:\.\d+)?(?:px|%)$/.test(value) ? value : null;
}

function pixels(value, words) {
  const found = length(value, words);
  return found?.endsWith("px") ? Number.parseFloat(found) : null;
}
