// LINE: how its messages look, and what its actions do.
// https://developers.line.biz/en/reference/messaging-api/#message-objects

import { h, icon, plain, said } from "./dom.js";
import { carousel, fit, flex, picture, unsupported } from "./flex.js";
import { destination, withLinks } from "./links.js";

export const line = {
  channel: "line",
  title: "LINE",
  symbol: "search",
  taken: "read",
  attachments: [["sticker", "smile"], ["image", "picture"], ["location", "place"]],
  under: () => "",

  /** What an empty chat shows below the account's name. */
  welcome: (phone) => [h("p", { text: phone.words.official }), phone.join({ label: phone.words.add, act: { type: "follows" }, shown: "" })],

  /** What can be done to the account. */
  options: ({ words, person }) => [
    person.blocked ? { label: words.unblock, symbol: "check", act: { type: "returns" } } : { label: words.block, symbol: "block", act: { type: "blocks" } },
    { label: words.add, symbol: "person", act: { type: "follows" } },
  ],

  /** A message of the bot as an element; `kind` tells the row how to lay it out. */
  draw(message, phone) {
    const tap = (node, action, words) => phone.tappable(node, deedOf(action, words));
    switch (message?.type) {
      case "text":
        return bubble(emojis(message), "text");
      case "textV2":
        return bubble(substituted(message), "text");
      case "flex":
        return { node: h("div", { class: "flex-message" }, flex(message.contents, tap, phone.words)), kind: "wide" };
      case "template":
        return { node: template(message.template, tap, phone), kind: "wide" };
      case "sticker":
        return { node: sticker(message), kind: "bare" };
      case "image":
        return { node: framed(picture(message.previewImageUrl ?? message.originalContentUrl), "4 / 3"), kind: "bare" };
      case "video":
        return { node: framed(picture(message.previewImageUrl, "video"), "16 / 9"), kind: "bare" };
      case "audio":
        return bubble([icon("play"), ` ${Math.round((message.duration ?? 0) / 1000)} s`], "audio");
      case "location":
        return { node: place(message), kind: "bare" };
      case "coupon":
        return { node: h("div", { class: "line-template" }, h("strong", { text: "Coupon" }), h("p", { text: message.couponId })), kind: "wide" };
      default:
        return { node: unsupported(message), kind: "bare" };
    }
  },

  /** What can be tapped under a message, as deeds. */
  quickReplies(message) {
    const items = message?.quickReply?.items;
    return Array.isArray(items) ? items.map((item) => ({ ...deedOf(item?.action ?? {}), picture: item?.imageUrl })) : [];
  },

  /** What somebody did themselves, where it is no text. */
  mine(act) {
    if (act.type === "sticker") return { node: sticker({ packageId: "446", stickerId: "1988" }), kind: "bare" };
    if (act.type === "image") return { node: framed(picture("https://photo.jpg"), "4 / 3"), kind: "bare" };
    if (act.type === "location") return { node: place({ title: "台北車站", address: "台北市中正區北平西路3號" }), kind: "bare" };
    return null;
  },
};

/** What a tap on something with this action does; see Phone.perform. */
export function deedOf(action, words = "") {
  const label = plain(action.label) || words || plain(action.displayText ?? action.text) || "…";
  switch (action.type) {
    case "postback":
      return {
        label,
        act: { type: "taps", data: action.data, label },
        shown: action.displayText ?? action.text ?? "",
        input: action.inputOption,
        fill: action.fillInText,
      };
    case "message":
      return { label, act: { type: "says", text: action.text }, shown: action.text };
    case "uri":
      return { label, ...opens(action.uri) };
    case "datetimepicker":
      return { label, picks: { mode: action.mode, initial: action.initial, min: action.min, max: action.max, data: action.data } };
    case "clipboard":
      return { label, copies: action.clipboardText };
    case "camera":
    case "cameraRoll":
      return { label, act: { type: "image" }, shown: "" };
    case "location":
      return { label, act: { type: "location" }, shown: "" };
    case "richmenuswitch":
      return {
        label,
        switches: action.richMenuAliasId,
        act: { type: "taps", data: action.data, label, params: { newRichMenuAliasId: action.richMenuAliasId, status: "SUCCESS" } },
        shown: "",
      };
    default:
      return { label, refused: String(action.type) };
  }
}

/** A link is opened, or refused and shown. */
export function opens(address) {
  const url = destination(address);
  return url ? { opens: url } : { refused: String(address) };
}

/** Lines of text with their links, as deeds of their own. */
export function prose(text, phone) {
  return withLinks(text).map(([words, url]) => {
    if (!url) return said(words);
    const link = h("span", { class: "link", text: words });
    phone.tappable(link, { label: plain(words), opens: url });
    return link;
  });
}

function bubble(children, kind) {
  return { node: children, kind };
}

/** `$` stands where an emoji of LINE's own is. */
function emojis(message) {
  const emojis = Array.isArray(message.emojis) ? message.emojis.filter((each) => Number.isInteger(each?.index)) : [];
  if (!emojis.length) return message.text;
  let text = String(message.text);
  for (const { index } of emojis.toSorted((one, other) => other.index - one.index)) {
    text = `${text.slice(0, index)}☺${text.slice(index + 1)}`;
  }
  return text;
}

function substituted(message) {
  const text = String(message.text).replace(/\{\{|\}\}|\{([0-9A-Za-z_]{1,20})\}/g, (found, key) => {
    if (!key) return found[0];
    return message.substitution?.[key]?.type === "mention" ? "@…" : "☺";
  });
  return text;
}

function sticker(message) {
  return h("div", { class: "sticker", role: "img", "aria-label": `sticker ${plain(message.packageId)}/${plain(message.stickerId)}` }, icon("smile"), h("span", { text: `${plain(message.packageId)}/${plain(message.stickerId)}` }));
}

export function framed(field, ratio) {
  field.classList.add("framed");
  field.style.aspectRatio = ratio;
  return field;
}

export function place(message) {
  return h("div", { class: "place" }, icon("place"), h("div", {}, h("strong", { text: message.title }), h("p", { text: message.address })));
}

function template(template, tap, phone) {
  switch (template?.type) {
    case "buttons":
    case "confirm":
      return column(template, tap, template.type);
    case "carousel":
      return carousel(template.columns.map((each) => column(each, tap, "buttons")), phone.words);
    case "image_carousel":
      return carousel(template.columns.map((each) => {
        const field = framed(picture(each.imageUrl), "1 / 1");
        const card = h("div", { class: "line-template image" }, field);
        if (each.action?.label) card.append(h("span", { class: "tag", text: each.action.label }));
        tap(card, each.action ?? {}, plain(each.action?.label));
        return card;
      }), phone.words);
    default:
      return unsupported(template);
  }
}

function column(column, tap, kind) {
  const card = h("div", { class: `line-template ${kind}` });
  if (column.thumbnailImageUrl) card.append(framed(picture(column.thumbnailImageUrl), column.imageAspectRatio === "square" ? "1 / 1" : "1.51 / 1"));
  const words = h("div", { class: "words" }, column.title ? h("strong", { text: column.title }) : null, h("p", { text: column.text }));
  if (column.defaultAction) tap(words, column.defaultAction, plain(column.defaultAction.label ?? column.title));
  const actions = h("div", { class: "actions" }, (column.actions ?? []).map((action) => {
    const button = h("button", { type: "button", text: action?.label ?? "" });
    tap(button, action ?? {}, plain(action?.label));
    return button;
  }));
  card.append(words, actions);
  return card;
}

export { fit };
