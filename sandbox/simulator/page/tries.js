// Sentences worth trying, said by the phone used last.

import { h } from "./dom.js";
import { language, t } from "./texts.js";

const STAFF = {
  zh: [["店員", ["/", "/status", "/stats", "/link new 0912345678", "/code show WELCOME2026", "/cod show X"]]],
  en: [["For staff", ["/", "/status", "/stats", "/link new 0912345678", "/code show WELCOME2026", "/cod show X"]]],
};

const TRIES = {
  zh: [
    ["第一次接觸", ["你好", "選單", "說明", "語言"]],
    ["獎品與票券", ["我的獎品", "票券", "換禮券", "我的禮券", "禮品卡"]],
    ["兌換碼，怎麼打都行", ["WELCOME2026", "ｗｅｌｃｏｍｅ ２０２６", "我要兌換 summer 7k3m q9td 謝謝", "兌換 NOSUCH99"]],
    ["找人與隱私", ["客服", "我的資料", "刪除我的資料", "取消訂閱"]],
    ["說不懂的話", ["今天天氣如何", "/status", "<script>alert(1)</script>", "0912345678"]],
  ],
  en: [
    ["First contact", ["hello", "menu", "help", "language"]],
    ["Gifts and tickets", ["my gifts", "tickets", "vouchers", "my vouchers", "gift card"]],
    ["Codes, typed in any way", ["WELCOME2026", "ｗｅｌｃｏｍｅ ２０２６", "please redeem summer 7k3m q9td thanks", "redeem NOSUCH99"]],
    ["People and privacy", ["agent", "my data", "delete my data", "unsubscribe"]],
    ["Beside the point", ["nice weather today", "/status", "<script>alert(1)</script>", "0912345678"]],
  ],
};

export class Tries {
  constructor(app) {
    this.app = app;
    this.hint = h("p", { class: "hint" });
    this.list = h("div", { class: "tries" });
    this.root = h("div", { class: "pane", role: "tabpanel", "data-t-label": "try_tab", hidden: true }, this.hint, this.list);
  }

  draw() {
    const phone = this.app.chosen;
    this.hint.textContent = t("try_hint", { phone: phone.dialect.title, name: phone.person?.name ?? "" });
    // Sentences in the language of whoever says them, headings in the page's.
    const all = (which) => [...(phone.person?.staff ? STAFF[which] : []), ...TRIES[which]];
    const headings = all(language()).map(([heading]) => heading);
    this.list.replaceChildren(...all(phone.language ?? language()).map(([, sentences], number) => h(
      "section",
      {},
      h("h2", { text: headings[number] }),
      h("div", { class: "chips" }, sentences.map((text) => h("button", { type: "button", class: "try", text, on: { click: () => this.app.chosen.type(text) } }))),
    )));
  }
}
