// Messenger: how its messages look, and what its buttons do. Instagram's are made of the same parts.
// https://developers.facebook.com/docs/messenger-platform/reference/send-api

import { h, icon, plain } from "./dom.js";
import { carousel, field, picture, pictured, unsupported } from "./flex.js";
import { framed, opens, place } from "./line.js";

const BANNER = "1.91 / 1";

/** A picture: one that was uploaded, or one by its address. */
const shown = ({ attachment_id: uploaded, url }) => (uploaded ? pictured(`/api/attachments/${encodeURIComponent(uploaded)}`, field("facebook.com")) : picture(url));

export const messenger = {
  channel: "messenger",
  title: "Messenger",
  symbol: "call",
  sending: "sending",
  taken: "delivered",
  attachments: [["sticker", "smile"], ["image", "picture"], ["location", "place"]],
  under: (words) => words.active,

  welcome(phone) {
    const { menu, words, person } = phone;
    const greeting = menu?.greeting?.text;
    const named = greeting?.replace(/\{\{user_(?:first|full)_name\}\}/g, person.name.split(" ")[0]).replace("{{user_last_name}}", "");
    const payload = menu?.get_started?.payload;
    return [
      named ? h("p", { text: named }) : null,
      payload ? phone.join({ label: words.start, act: { type: "starts", data: payload }, shown: words.start }) : null,
    ];
  },

  options: ({ words, menu }) => [{ label: words.start, symbol: "play", act: { type: "starts", data: menu?.get_started?.payload ?? "GET_STARTED" }, shown: words.start }],

  /** A message of the page as an element; `kind` tells the row how to lay it out. */
  draw(message, phone) {
    if (typeof message?.text === "string") return { node: message.text, kind: "text" };
    const { type, payload } = message?.attachment ?? {};
    switch (type) {
      case "template":
        return { node: template(payload ?? {}, phone), kind: "wide" };
      case "image":
        return { node: framed(shown(payload ?? {}), BANNER), kind: "bare" };
      case "video":
        return { node: framed(picture(payload?.url, "video"), "16 / 9"), kind: "bare" };
      case "audio":
        return { node: [icon("play"), " audio"], kind: "audio" };
      case "file":
        return { node: `📄 ${plain(payload?.url).split("/").at(-1)}`, kind: "text" };
      default:
        return { node: unsupported(message?.attachment ?? message), kind: "bare" };
    }
  },

  quickReplies(message, phone) {
    const replies = message?.quick_replies;
    return Array.isArray(replies) ? replies.map((reply) => quickReply(reply ?? {}, phone)) : [];
  },

  mine(act) {
    if (act.type === "sticker") return { node: h("div", { class: "sticker", role: "img", "aria-label": "sticker" }, icon("smile")), kind: "bare" };
    if (act.type === "image") return { node: framed(picture("https://photo.jpg"), "4 / 3"), kind: "bare" };
    if (act.type === "location") return { node: place({ title: "台北車站", address: "" }), kind: "bare" };
    return null;
  },
};

function quickReply(reply, phone) {
  if (reply.content_type === "text") {
    const label = plain(reply.title);
    return { label, act: { type: "answers", data: reply.payload, label: reply.title }, shown: reply.title, picture: reply.image_url };
  }
  if (reply.content_type === "user_phone_number") {
    return { label: phone.number, act: { type: "shares_phone", text: phone.number }, shown: phone.number };
  }
  return { label: plain(reply.content_type), refused: `quick reply ${plain(reply.content_type)}` };
}

/** What a tap on a template's button does; see Phone.perform. */
export function deedOf(button) {
  const label = plain(button.title) || plain(button.type) || "…";
  switch (button.type) {
    case "postback":
      return { label, act: { type: "taps", data: button.payload, label: button.title ?? "" }, shown: button.title ?? "" };
    case "web_url":
    case "account_link":
      return { label: button.title ? label : "Log In", ...opens(button.url) };
    case "phone_number":
      return { label, ...opens(`tel:${button.payload}`) };
    default:
      return { label, refused: plain(button.type) };
  }
}

function template(payload, phone) {
  switch (payload.template_type) {
    case "generic": {
      const elements = Array.isArray(payload.elements) ? payload.elements : [];
      const cards = elements.map((each) => element(each ?? {}, payload.image_aspect_ratio === "square", phone));
      return cards.length === 1 ? cards[0] : carousel(cards, phone.words);
    }
    case "button":
      return h("div", { class: "ms-card spoken" }, h("div", { class: "words" }, h("p", {}, phone.prose(payload.text))), buttons(payload.buttons, phone));
    case "media": {
      const media = payload.elements?.[0] ?? {};
      const field = framed(media.media_type === "video" ? picture(media.url, "video") : shown(media), BANNER);
      return h("div", { class: "ms-card" }, field, buttons(media.buttons, phone));
    }
    case "coupon":
      return coupon(payload, phone);
    default:
      return unsupported(payload);
  }
}

function element(element, square, phone) {
  const words = h("div", { class: "words" }, h("strong", { text: element.title }), element.subtitle ? h("p", { class: "subtitle", text: element.subtitle }) : null);
  const card = h("div", { class: "ms-card element" }, element.image_url ? framed(shown({ url: element.image_url }), square ? "1 / 1" : BANNER) : null, words, buttons(element.buttons, phone));
  if (element.default_action) phone.tappable(words, { label: plain(element.title), ...opens(element.default_action.url) });
  return card;
}

function coupon(payload, phone) {
  const card = h("div", { class: "ms-card coupon" });
  if (payload.coupon_pre_message) card.append(h("p", { class: "before", text: payload.coupon_pre_message }));
  if (payload.image_url) card.append(framed(shown({ url: payload.image_url }), BANNER));
  card.append(h("div", { class: "words" }, h("strong", { text: payload.title }), h("p", { class: "subtitle", text: payload.subtitle ?? phone.words.terms })));
  const actions = h("div", { class: "actions" });
  if (payload.coupon_code) {
    const reveal = h("button", { type: "button", text: phone.words.reveal });
    phone.tappable(reveal, {
      label: phone.words.reveal,
      act: { type: "reveals", text: payload.coupon_code, data: payload.payload ?? "" },
      shown: "",
      then: () => {
        reveal.replaceChildren(h("code", { text: payload.coupon_code }));
        phone.tappable(reveal, { label: plain(payload.coupon_code), copies: payload.coupon_code });
      },
    });
    actions.append(reveal);
  }
  if (payload.coupon_url) actions.append(button({ type: "web_url", title: payload.coupon_url_button_title ?? phone.words.shop, url: payload.coupon_url }, phone));
  card.append(actions);
  return card;
}

function buttons(given, phone) {
  if (!Array.isArray(given) || !given.length) return null;
  return h("div", { class: "actions" }, given.map((each) => button(each ?? {}, phone)));
}

function button(given, phone) {
  const deed = deedOf(given);
  const node = h("button", { type: "button", text: given.title ?? deed.label });
  phone.tappable(node, deed);
  return node;
}
