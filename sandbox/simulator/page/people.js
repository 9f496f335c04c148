// Who holds a phone: the picker above it, and what can be changed about that person.

import { post, put } from "./api.js";
import { h, icon, plain } from "./dom.js";
import { language, t, translate } from "./texts.js";

const LOCALES = { line: ["zh-TW", "en", ""], messenger: ["zh_TW", "en_US", ""], instagram: ["zh_TW", "en_US", ""] };
const FIRST = { line: "yu", messenger: "emily", instagram: "yu" };

export class Holder {
  /** phone: whose; app: `state`, `say(text)`. */
  constructor(phone, app) {
    this.phone = phone;
    this.app = app;
    this.pick = h("select", { class: "pick", "data-t-label": "person" });
    this.news = h("span", { class: "news", role: "status", hidden: true });
    this.add = h("button", { class: "tool", type: "button", "data-t-label": "new_person" }, icon("plus"));
    this.more = h("button", { class: "tool", type: "button", "data-t-label": "person_options", "aria-expanded": "false" }, icon("more"));
    this.language = h("select", { name: "locale" });
    this.where = h("select", { name: "where" });
    this.blocked = h("input", { type: "checkbox" });
    this.window = h("input", { type: "checkbox" });
    this.held = h("input", { type: "checkbox" });
    this.gift = h("button", { type: "button", class: "whole", "data-t": "give" });
    const line = phone.channel === "line";
    this.card = h(
      "div",
      { class: "about", hidden: true },
      h("p", { class: "who" }),
      h("label", {}, h("span", { "data-t": "phone_language" }), this.language),
      line ? h("label", {}, h("span", { "data-t": "where" }), this.where) : null,
      h("label", { class: "check" }, this.blocked, h("span", { "data-t": "blocked" })),
      line ? null : h("label", { class: "check" }, this.window, h("span", { "data-t": "window" })),
      phone.channel === "messenger" ? h("label", { class: "check", hidden: true }, this.held, h("span", { "data-t": "held" })) : null,
      this.gift,
    );
    this.root = h("div", { class: "holder" }, h("span", { class: "app-name", text: phone.dialect.title }), this.pick, this.news, this.add, this.more, this.card);

    this.pick.addEventListener("change", () => this.choose(this.pick.value));
    this.add.addEventListener("click", () => this.newcomer());
    this.more.addEventListener("click", () => this.toggle());
    this.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.card.hidden) return;
      this.toggle(false);
      this.more.focus();
    });
    this.language.addEventListener("change", () => this.change({ locale: this.language.value || null }));
    this.window.addEventListener("change", () => this.change({ window_open: this.window.checked }));
    this.held.addEventListener("change", () => this.change({ held: this.held.checked }));
    this.blocked.addEventListener("change", () => this.block());
    this.where.addEventListener("change", () => this.phone.be(this.phone.person, this.where.value === "group"));
    this.gift.addEventListener("click", () => this.give());
  }

  get channel() {
    return this.phone.channel;
  }

  people() {
    return this.app.state.people.filter((person) => person.channel === this.channel);
  }

  /** The people have changed, or are seen for the first time. */
  draw() {
    const people = this.people();
    const groups = [[t("demo_people"), people.filter((each) => !each.nick.startsWith("new-"))], [t("new_people"), people.filter((each) => each.nick.startsWith("new-"))]];
    this.pick.replaceChildren(...groups.filter(([, some]) => some.length).map(([label, some]) => h("optgroup", { label }, some.map((person) => h("option", { value: person.id }, `${this.app.unread.has(person.id) ? "● " : ""}${plain(person.name)} — ${person.about[language()] ?? ""}`)))));
    const same = people.find((person) => person.id === this.phone.person?.id);
    const person = same ?? people.find((each) => each.nick === FIRST[this.channel]);
    this.pick.value = person.id;
    const unread = people.reduce((sum, each) => sum + (this.app.unread.get(each.id) ?? 0), 0);
    this.news.hidden = !unread;
    this.news.textContent = String(unread);
    this.news.title = t("unread", { n: unread });
    if (same) {
      this.phone.person = same;
      this.phone.speak();
    } else this.phone.be(person);
    if (!same) this.toggle(false);
    this.drawCard();
  }

  drawCard() {
    const { person } = this.phone;
    this.card.querySelector(".who").replaceChildren(h("strong", { text: person.name }), h("code", { text: person.id }));
    this.language.replaceChildren(...LOCALES[this.channel].map((locale) => h("option", { value: locale }, locale || t("no_language"))));
    this.language.value = person.locale ?? "";
    this.where.replaceChildren(h("option", { value: "private" }, t("private_chat")), h("option", { value: "group" }, t("group_chat", { name: this.app.state.group.name[language()] })));
    this.where.value = this.phone.inGroup ? "group" : "private";
    this.blocked.checked = person.blocked;
    this.window.checked = person.window_open;
    this.held.checked = person.held;
    if (this.held.parentElement) this.held.parentElement.hidden = !this.app.state.shared;
    translate(this.root);
  }

  choose(id) {
    const person = this.people().find((each) => each.id === id);
    if (!person) return;
    this.phone.be(person);
    this.drawCard();
    this.app.choose(this.phone);
  }

  toggle(open = this.card.hidden) {
    this.card.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    if (open) {
      this.drawCard();
      this.language.focus();
    }
  }

  async newcomer() {
    const made = await this.ask(post("people", { channel: this.channel, user: this.phone.person.id }));
    if (!made) return;
    // The stream may tell of them a moment later.
    if (!this.app.person(this.channel, made.id)) {
      this.app.state.people.push(made);
      this.draw();
    }
    this.choose(made.id);
    this.pick.value = made.id;
  }

  change(what) {
    return this.ask(put(`people/${this.channel}/${encodeURIComponent(this.phone.person.id)}`, what));
  }

  /** LINE tells the account that it was blocked or is followed again; the others do not. */
  block() {
    if (this.channel !== "line") return this.change({ blocked: this.blocked.checked });
    return this.phone.act({ type: this.blocked.checked ? "blocks" : "returns" }, "", { by: "panel" });
  }

  async give() {
    const given = await this.ask(post("gifts", { channel: this.channel, user: this.phone.person.id }));
    if (given) this.app.say(t("given", { name: given.name }));
  }

  async ask(asked) {
    try {
      return await asked;
    } catch (error) {
      this.app.say(error.message);
      return null;
    }
  }
}
