// Instagram: drawn from the same parts as Messenger; what people can do there is its own.
// https://developers.facebook.com/documentation/business-messaging/instagram-messaging

import { h, icon } from "./dom.js";
import { messenger } from "./messenger.js";

const SHARED = { story: "story", post: "picture", reel: "play", unsupported: "block" };

export const instagram = {
  ...messenger,
  channel: "instagram",
  title: "Instagram",
  symbol: "camera",
  taken: "seen",
  attachments: [["image", "picture"], ["sticker", "smile"], ...Object.entries(SHARED)],
  under: (words) => words.business,

  /** Up to four questions, which are gone once something was said. */
  welcome(phone) {
    const questions = phone.menu?.ice_breakers?.call_to_actions ?? [];
    return [
      h("p", { text: phone.words.business }),
      ...questions.map(({ question, payload }) => phone.join({ label: question, act: { type: "taps", data: payload, label: question }, shown: question }, "ice-breaker")),
    ];
  },

  /** What was said last can be taken back. */
  options({ entries, words }) {
    const taken = new Set(entries.map((entry) => entry.act?.type === "unsends" && entry.act.message_id));
    const last = entries.findLast((entry) => entry.message_id && entry.act.type !== "unsends" && !taken.has(entry.message_id));
    return last ? [{ label: words.unsend, symbol: "again", act: { type: "unsends", message_id: last.message_id } }] : [];
  },

  mine(act, words) {
    const symbol = SHARED[act.type];
    if (symbol) return { node: h("div", { class: "place" }, icon(symbol), h("strong", { text: words[act.type] })), kind: "bare" };
    return messenger.mine(act, words);
  },
};
