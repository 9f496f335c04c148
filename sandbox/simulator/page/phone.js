// One phone: the chat of one person, what they can tap and type, and the sheets that come up from below.

import { post, get } from "./api.js";
import { clear, h, icon, plain } from "./dom.js";
import { fit, unsupported } from "./flex.js";
import { deedOf as lineDeed, prose } from "./line.js";
import { entrance } from "./links.js";
import { deedOf as metaDeed } from "./messenger.js";
import { phoneWords, t } from "./texts.js";

const TYPING_FOR = 20_000;
const TOGETHER = 60_000; // milliseconds; what is older than that belongs to no answer that comes now

export class Phone {
  /**
   * app: `state`, `person(channel, id)` and `say(text)`. dialect: what is LINE's, Messenger's or Instagram's about it:
   * its `title`, the `symbol` in its bar, what is `under` the name, the word for a message that was `taken` and one on
   * its way (`sending`), what can be attached; how it draws, welcomes, and what its options are.
   */
  constructor(dialect, app) {
    this.dialect = dialect;
    this.channel = dialect.channel;
    this.app = app;
    this.number = "+886912345678";
    this.inGroup = false;
    this.words = phoneWords("zh");
    this.entries = [];
    this.deeds = new WeakMap();
    this.menu = null;
    this.build();
  }

  // What it is made of.

  build() {
    const { dialect } = this;
    this.name = h("strong", { class: "name" });
    this.under = h("span", { class: "under" });
    this.options = h("button", { class: "plain", type: "button", "data-t-label": "chat_options", on: { click: () => this.showOptions() } }, icon("bars"));
    this.bar = h(
      "header",
      { class: "bar" },
      icon("back"),
      sign(),
      h("span", { class: "titles" }, this.name, this.under),
      icon(dialect.symbol),
      this.options,
    );
    this.rows = h("div", { class: "rows" });
    this.typing = h("div", { class: "row theirs typing", hidden: true }, h("div", { class: "bubble" }, h("i"), h("i"), h("i")));
    this.log = h("div", { class: "log", role: "log", tabindex: 0, "data-t-label": "chat" }, this.rows, this.typing);
    this.choices = h("div", { class: "choices", role: "group", "data-t-label": "quick_replies", hidden: true });
    this.input = h("textarea", { rows: 1, enterkeyhint: "send", autocomplete: "off", spellcheck: "false" });
    this.sendButton = h("button", { class: "plain send", type: "submit", "data-t-label": "send" }, icon("send"));
    this.toMenu = h("button", { class: "plain to-menu", type: "button", "data-t-label": "menu", hidden: true, on: { click: () => this.showMenu() } }, icon("bars"));
    this.attach = h("button", { class: "plain", type: "button", "data-t-label": "attach", on: { click: () => this.showAttachments() } }, icon("plus"));
    this.mention = h("button", { class: "plain mention", type: "button", hidden: true, "aria-pressed": "false", text: "@", "data-t-label": "mention" });
    this.mention.addEventListener("click", () => this.mention.setAttribute("aria-pressed", String(this.mention.getAttribute("aria-pressed") !== "true")));
    this.composer = h("form", { class: "composer" }, this.toMenu, this.attach, this.mention, this.input, this.sendButton);
    this.richMenu = h("div", { class: "rich-menu", hidden: true, role: "group", "data-t-label": "menu" });
    this.sheet = h("div", { class: "sheet", role: "dialog", "aria-modal": true, hidden: true });
    this.shade = h("div", { class: "shade", hidden: true, on: { click: () => this.closeSheet() } });
    this.toast = h("div", { class: "toast", role: "status", hidden: true });
    this.device = h("div", { class: "device" }, this.bar, this.log, this.toast, this.choices, this.composer, this.richMenu, this.shade, this.sheet);
    this.root = h("section", { class: `phone ${this.channel}`, id: this.channel, "aria-label": dialect.title }, this.device);

    this.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.input.addEventListener("keydown", (event) => {
      // An input method's Enter chooses a character.
      if (event.isComposing) return;
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        this.send();
      } else if (event.key === "ArrowUp" && !this.input.value) {
        const last = this.tappables().at(-1);
        if (last) {
          event.preventDefault();
          (this.choices.querySelector("[data-tap]") ?? last).focus();
        }
      }
    });
    this.input.addEventListener("input", () => this.grow());
    this.device.addEventListener("keydown", (event) => this.steer(event));
    new ResizeObserver(() => fit(this.log)).observe(this.log);
  }

  /** Arrow keys go through what can be tapped, Escape back to the text field. */
  steer(event) {
    if (event.key === "Escape") {
      if (!this.sheet.hidden) this.closeSheet();
      else this.input.focus();
      event.preventDefault();
      return;
    }
    if (!this.sheet.hidden) {
      const inside = [...this.sheet.querySelectorAll("button, a, input")];
      if (event.key === "Tab" && inside.length) {
        const next = inside.indexOf(document.activeElement) + (event.shiftKey ? -1 : 1);
        event.preventDefault();
        inside.at(next % inside.length).focus();
      }
      return;
    }
    const here = event.target;
    // Whoever begins to type wants the text field, even where the rich menu lies over it.
    if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey && here !== this.input) {
      this.hideMenu();
      this.input.focus();
      return;
    }
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || here === this.input || !here?.matches?.("[data-tap]")) return;
    const all = this.tappables();
    const next = all[all.indexOf(here) + by];
    event.preventDefault();
    if (next) next.focus();
    else if (by > 0) this.input.focus();
  }

  /** Everything that can be tapped now, in reading order. */
  tappables() {
    return [...this.device.querySelectorAll(".rows [data-tap], .choices [data-tap]")].filter((node) => !node.disabled);
  }

  // Whose phone it is.

  get chat() {
    return this.inGroup ? this.app.state.group.id : this.person?.id;
  }

  /** Nobody's, until somebody takes it. */
  putDown() {
    this.person = null;
    this.inGroup = false;
    this.hideMenu();
    this.input.value = "";
    this.mention.setAttribute("aria-pressed", "false");
    this.toast.hidden = true;
    this.closeSheet();
  }

  /** Be `person`, in the private chat or in the group. */
  async be(person, inGroup = false) {
    this.person = person;
    this.came = "";
    this.inGroup = inGroup && this.channel === "line";
    this.mention.hidden = !this.inGroup;
    this.closeSheet();
    this.speak();
    clear(this.rows);
    clear(this.richMenu);
    this.offer([]);
    this.app.saw(this);
    this.entries = [];
    this.typing.hidden = true;
    for (const entry of this.app.state.entries) if (this.shows(entry)) this.add(entry, { quietly: true });
    this.greet();
    this.opened = true;
    this.scroll("instant");
    await this.loadMenu();
  }

  /** The phone's own words in its person's language. */
  speak() {
    const english = (this.person?.locale ?? "zh").toLowerCase().startsWith("en");
    this.language = english ? "en" : "zh";
    this.words = phoneWords(this.language);
    this.device.lang = english ? "en" : "zh-Hant-TW";
    const group = this.app.state.group;
    this.name.replaceChildren(this.inGroup ? `${group.name[this.language]} (4)` : this.app.state.account);
    this.under.textContent = this.person?.held ? this.words.held : this.dialect.under(this.words);
    this.input.placeholder = this.words.write;
    this.input.setAttribute("aria-label", `${this.dialect.title}: ${this.words.write}`);
  }

  shows(entry) {
    if (entry.channel !== this.channel || entry.chat !== this.chat) return false;
    // In a group everybody sees everybody's messages; taps leave no trace there.
    return entry.by === "bot" || entry.user === this.person.id || this.inGroup;
  }

  // What is shown.

  /** One more line of the chat. */
  add(entry, { quietly = false } = {}) {
    const row = entry.by === "bot" ? this.theirs(entry) : this.mine(entry);
    this.rows.querySelector(".welcome")?.remove();
    this.spend();
    if (entry.by === "bot") this.typing.hidden = true;
    if (row) {
      const before = this.rows.lastElementChild;
      row.classList.toggle("follows", before?.dataset.by === row.dataset.by);
      row.dataset.at = String(entry.at);
      this.rows.append(row);
      fit(row);
    }
    this.entries.push(entry);
    if (entry.by === "bot") this.offer(this.dialect.quickReplies(entry.message, this));
    if (quietly) return;
    this.opened = false;
    this.scroll();
  }

  theirs(entry) {
    const { node, kind } = this.drawn(entry.message);
    const body = h("div", { class: `body ${kind}` });
    if (kind === "text" || kind === "audio") {
      body.append(h("div", { class: "bubble" }, typeof node === "string" ? this.prose(node) : node));
    } else body.append(node);
    return h(
      "div",
      { class: `row theirs ${kind}`, "data-by": "bot", "data-seq": entry.seq, "data-via": entry.via },
      sign(),
      h("div", { class: "said" }, h("span", { class: "who", text: who(entry.message, this.app.state.account) }), body),
      h("span", { class: "meta" }, h("time", { text: clock(entry.at, this.language) })),
    );
  }

  /** A message as an element; one that is not what its platform takes is named instead. */
  drawn(message) {
    try {
      return this.dialect.draw(message, this);
    } catch {
      return { node: unsupported(message), kind: "bare" };
    }
  }

  mine(entry) {
    const notice = this.words.notices[entry.act.type];
    if (notice) return h("div", { class: "row notice", "data-by": "notice", "data-seq": entry.seq }, h("span", { text: notice }));
    const drawn = this.dialect.mine(entry.act, this.words);
    if (!drawn && !entry.shown) return null;
    const other = entry.user !== this.person.id ? this.app.person(this.channel, entry.user) : null;
    const row = h(
      "div",
      { class: `row ${other ? "others" : "mine"} ${drawn ? drawn.kind : "text"}`, "data-by": entry.user, "data-seq": entry.seq, "data-trace": entry.trace },
      h("span", { class: "meta" }, h("span", { class: "state" }), h("time", { text: clock(entry.at, this.language) })),
      h(
        "div",
        { class: "said" },
        other ? h("span", { class: "who", text: other.name }) : null,
        h("div", { class: "body" }, drawn ? drawn.node : h("div", { class: "bubble", text: entry.shown })),
      ),
    );
    const trace = this.app.state.traces.get(entry.trace);
    if (trace) state(row, trace, this);
    return row;
  }

  prose(text) {
    return prose(String(text ?? ""), this);
  }

  /** Something new is known of a webhook of ours. */
  follow(trace) {
    const row = this.rows.querySelector(`[data-trace="${CSS.escape(String(trace.id))}"]`);
    if (row) state(row, trace, this);
    if (trace.chat === this.chat && trace.outcome) this.typing.hidden = true;
  }

  busy() {
    this.typing.hidden = false;
    clearTimeout(this.stopsTyping);
    this.stopsTyping = setTimeout(() => (this.typing.hidden = true), TYPING_FOR);
    this.scroll();
  }

  /** What an empty chat shows. */
  greet() {
    this.rows.querySelector(".welcome")?.remove();
    if (this.entries.length || !this.person || this.inGroup) return;
    const name = this.app.state.account;
    const avatar = sign("avatar large");
    this.rows.append(h("div", { class: "welcome" }, avatar, h("strong", { text: name }), this.dialect.welcome(this)));
  }

  /** A button of an empty chat. */
  join(deed, looks = "join") {
    const node = h("button", { type: "button", class: looks, text: deed.label });
    this.tappable(node, deed);
    return node;
  }

  /** Down to the newest line, but never past the beginning of an answer that has come since the chat was opened. */
  scroll(behavior = "smooth") {
    requestAnimationFrame(() => {
      const newest = this.entries.at(-1)?.at ?? 0;
      const recent = [...this.rows.children].filter((row) => Number(row.dataset.at) > newest - TOGETHER);
      const first = recent.findLast((row) => row.dataset.by !== "bot") ?? recent[0];
      const bottom = this.log.scrollHeight - this.log.clientHeight;
      const top = first && !this.opened ? Math.min(bottom, first.offsetTop - this.rows.offsetTop) : bottom;
      this.log.scrollTo({ top, behavior: this.app.still ? "instant" : behavior });
    });
  }

  // Quick replies.

  offer(deeds) {
    clear(this.choices);
    this.choices.hidden = !deeds.length;
    for (const deed of deeds) {
      const chip = h("button", { class: "chip", type: "button" }, deed.picture ? h("span", { class: "dot" }) : null, h("span", { text: deed.label }));
      this.tappable(chip, deed);
      this.choices.append(chip);
    }
    this.choices.scrollLeft = 0;
  }

  /** A newer message is there, or one was tapped: quick replies stay readable and can no longer be tapped. */
  spend() {
    const chips = [...this.choices.children];
    if (!chips.length) return;
    const hadFocus = this.choices.contains(document.activeElement);
    for (const chip of chips) {
      chip.disabled = true;
      chip.removeAttribute("data-tap");
    }
    const last = [...this.rows.querySelectorAll(".row.theirs")].at(-1);
    last?.append(h("div", { class: "spent", "aria-label": t("spent") }, chips));
    this.choices.hidden = true;
    if (hadFocus) this.input.focus();
  }

  // What people do.

  /**
   * Make `node` do a deed when it is tapped, by mouse or keyboard. A deed has a `label` and one of: `act`
   * (with `shown`, the person's own bubble), `opens` (a checked URL), `copies`, `picks` (a date), `refused`.
   */
  tappable(node, deed) {
    const known = this.deeds.has(node);
    this.deeds.set(node, deed);
    node.dataset.tap = deed.label;
    if (known) return;
    if (node.tagName !== "BUTTON") {
      node.setAttribute("role", deed.opens ? "link" : "button");
      node.tabIndex = 0;
      node.addEventListener("keydown", (event) => {
        if (event.target !== node || (event.key !== "Enter" && event.key !== " ")) return;
        event.preventDefault();
        this.perform(node);
      });
    }
    if (!node.textContent.trim() || node.matches(".fx-bubble, .fx-image")) node.setAttribute("aria-label", deed.label);
    node.addEventListener("click", (event) => {
      event.stopPropagation();
      this.perform(node);
    });
  }

  perform(node) {
    const deed = this.deeds.get(node);
    if (deed.opens) return this.showLink(deed.opens);
    if (deed.refused !== undefined) return this.showRefusal(deed.refused);
    if (deed.copies !== undefined) return this.copy(deed.copies);
    if (deed.picks) return this.showPicker(deed);
    const how = { by: "tap", label: deed.label, ...this.place(node) };
    if (this.choices.contains(node)) this.spend();
    if (this.sheet.contains(node)) this.closeSheet();
    if (deed.switches) this.switchMenu(deed.switches);
    if (deed.input === "openKeyboard") {
      this.hideMenu();
      this.input.value = deed.fill ?? "";
      this.grow();
      this.input.focus();
    } else if (deed.input === "closeRichMenu") this.hideMenu();
    else if (deed.input === "openRichMenu") this.showMenu();
    deed.then?.();
    return this.act(deed.act, deed.shown ?? "", how);
  }

  /** Where something tapped is, so that a replay finds it again: how many messages back, and which one in there. */
  place(node) {
    for (const [name, whole] of [["quick", this.choices], ["menu", this.richMenu], ["sheet", this.sheet]]) {
      if (whole.contains(node)) return { [name]: [...whole.querySelectorAll("[data-tap]")].indexOf(node) };
    }
    const rows = [...this.rows.children].reverse();
    const back = rows.findIndex((row) => row.contains(node));
    return back < 0 ? {} : { back, index: [...rows[back].querySelectorAll("[data-tap]")].indexOf(node) };
  }

  async act(act, shown, how) {
    if (!this.person) return null;
    if (this.came) [act, this.came] = [{ ...act, ref: this.came }, ""];
    try {
      return await post("acts", { channel: this.channel, user: this.person.id, group: this.inGroup, act: { ...act, how }, shown });
    } catch (error) {
      this.app.say(error.message);
      return null;
    }
  }

  /** Somebody opens a link into our chat: LINE types, Messenger and Instagram tell where they came from. */
  async comes(person, { text, ref, friend }) {
    await this.be(person);
    this.holder.draw();
    this.came = "";
    if (friend) return this.act({ type: "follows" }, "", { by: "tap", label: this.words.opens });
    if (text !== undefined) {
      this.hideMenu();
      this.input.value = text;
      this.grow();
      this.input.focus();
    } else if (this.entries.length) return this.act({ type: "comes", ref }, this.words.came, { by: "tap", label: this.words.opens });
    else this.came = ref; // In a new chat it is told with whatever they do first.
    return null;
  }

  send() {
    const text = this.input.value;
    if (!text.trim()) return;
    this.input.value = "";
    this.grow();
    this.hideMenu();
    this.type(text);
  }

  /** Say something as if it had been typed. */
  type(text) {
    const mention = this.inGroup && this.mention.getAttribute("aria-pressed") === "true";
    return this.act({ type: "says", text, ...(mention ? { mention } : {}) }, mention ? `@${this.app.state.account} ${text}` : text, { by: "typing" });
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight, 110)}px`;
    this.composer.classList.toggle("filled", Boolean(this.input.value.trim()));
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without the right to write there, showing it is all that can be done.
    }
    this.flash(`${this.words.copied} ${plain(text)}`);
  }

  flash(text) {
    this.toast.replaceChildren(h("span", { text }));
    this.toast.hidden = false;
    clearTimeout(this.stopsFlashing);
    this.stopsFlashing = setTimeout(() => (this.toast.hidden = true), 2600);
  }

  // Sheets.

  open(title, ...children) {
    if (this.sheet.hidden) this.before = document.activeElement;
    this.sheet.replaceChildren(
      h("div", { class: "sheet-head" }, h("strong", { text: title }), h("button", { class: "plain", type: "button", "aria-label": this.words.close, on: { click: () => this.closeSheet() } }, icon("close"))),
      ...children,
    );
    this.sheet.setAttribute("aria-label", title);
    this.sheet.hidden = this.shade.hidden = false;
    (this.sheet.querySelector("[data-first]") ?? this.sheet.querySelectorAll("button, a, input")[1] ?? this.sheet.querySelector("button")).focus();
  }

  closeSheet() {
    if (this.sheet.hidden) return;
    this.sheet.hidden = this.shade.hidden = true;
    clear(this.sheet);
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
  }

  /** Where a link leads is seen before it is followed. */
  showLink(url) {
    const way = entrance(url);
    const tel = url.protocol === "tel:";
    const address = h("p", { class: "address" }, tel ? h("b", { text: url.pathname }) : [`${url.protocol}//`, h("b", { text: url.host }), h("span", { text: url.href.slice(url.origin.length) })]);
    const go = h("a", { class: "go", href: url.href, target: "_blank", rel: "noopener noreferrer", "data-first": true, on: { click: () => this.closeSheet() } }, tel ? this.words.dial : this.words.open);
    const other = way && h("button", { type: "button", class: "go", text: t("open_here"), on: { click: () => { this.closeSheet(); this.app.enter(way, url.href); } } });
    this.open(tel ? this.words.calls : this.words.opens, address, other, go);
  }

  showRefusal(what) {
    this.open(t("refused"), h("p", { class: "address refused", text: plain(what).slice(0, 500) }), h("button", { type: "button", class: "go", "data-first": true, on: { click: () => this.closeSheet() } }, this.words.close));
  }

  showPicker({ label, picks }) {
    const kind = { date: "date", time: "time", datetime: "datetime-local" }[picks.mode] ?? "date";
    const field = h("input", { type: kind, "aria-label": label, "data-first": true, min: picks.min, max: picks.max });
    field.value = picks.initial ?? "";
    const done = () => {
      if (!field.value) return;
      this.closeSheet();
      this.act({ type: "taps", data: picks.data, label, params: { [picks.mode]: field.value } }, "", { by: "tap", label });
    };
    this.open(label, field, h("button", { type: "button", class: "go", on: { click: done } }, this.words.done));
  }

  showAttachments() {
    this.open(this.words.attach, this.list(this.dialect.attachments.map(([type, symbol]) => ({ label: this.words[type], symbol, act: { type }, shown: "" }))));
  }

  showOptions() {
    const { words } = this;
    const items = [];
    if (this.inGroup) items.push({ label: words.invite, symbol: "plus", act: { type: "invites" } }, { label: words.remove, symbol: "close", act: { type: "removes" } });
    else items.push(...this.dialect.options(this));
    this.open(this.name.textContent, this.list(items));
  }

  list(deeds) {
    return h("div", { class: "list" }, deeds.map((deed) => {
      const node = h("button", { type: "button" }, deed.symbol ? icon(deed.symbol) : null, h("span", { text: deed.label }));
      this.tappable(node, deed);
      return node;
    }));
  }

  // The rich menu, and the persistent menu.

  async loadMenu() {
    if (!this.person) return;
    this.device.ariaBusy = "true";
    const asked = (this.asked = {});
    const menu = await get(`menus/${this.channel}/${encodeURIComponent(this.person.id)}`).catch(() => null);
    if (asked !== this.asked) return; // Somebody else's, or a newer one, is on its way.
    this.menu = menu;
    this.device.ariaBusy = "false";
    this.drawRichMenu(this.inGroup ? null : menu?.rich_menu);
    this.toMenu.hidden = !this.richMenu.childElementCount && !menu?.persistent_menu?.call_to_actions?.length;
    this.input.disabled = Boolean(menu?.persistent_menu?.composer_input_disabled);
    if (!this.entries.length) this.greet();
  }

  drawRichMenu(menu) {
    const open = this.richMenu.childElementCount ? !this.richMenu.hidden : null;
    const tiles = () => [...this.richMenu.querySelectorAll(".areas button")];
    const focused = tiles().indexOf(document.activeElement);
    clear(this.richMenu);
    if (!menu?.size) {
      this.hideMenu();
      return;
    }
    const { width, height } = menu.size;
    const field = h("div", { class: "areas" }, h("img", { src: `/api/richmenus/${encodeURIComponent(menu.richMenuId)}`, alt: "" }));
    field.style.aspectRatio = `${Number(width)} / ${Number(height)}`;
    for (const area of menu.areas ?? []) {
      const { x = 0, y = 0, width: w = 0, height: hh = 0 } = area.bounds ?? {};
      const deed = lineDeed(area.action ?? {});
      const node = h("button", { type: "button", "aria-label": deed.label, title: deed.label });
      Object.assign(node.style, { left: `${(x / width) * 100}%`, top: `${(y / height) * 100}%`, width: `${(w / width) * 100}%`, height: `${(hh / height) * 100}%` });
      this.tappable(node, deed);
      field.append(node);
    }
    const close = h("button", { type: "button", class: "plain", "aria-label": this.words.keyboard, on: { click: () => { this.hideMenu(); this.input.focus(); } } }, icon("keyboard"));
    const chat = h("button", { type: "button", class: "chat-bar", text: menu.chatBarText, on: { click: () => { field.hidden = !field.hidden; this.richMenu.classList.toggle("folded", field.hidden); this.scroll(); } } }, icon("down"));
    this.richMenu.append(field, h("div", { class: "menu-bar" }, close, chat));
    // Another menu in the place of one does not open what was folded, nor take the focus away.
    if (open ?? menu.selected) this.showMenu({ quietly: true });
    else this.hideMenu();
    tiles()[focused]?.focus();
  }

  showMenu({ quietly = false } = {}) {
    const items = this.menu?.persistent_menu?.call_to_actions;
    if (items) {
      this.open(this.words.menu, this.list(items.map((item) => metaDeed(item ?? {}))));
      return;
    }
    if (!this.richMenu.childElementCount) return;
    this.richMenu.hidden = false;
    this.composer.hidden = true;
    this.scroll("instant");
    if (!quietly) this.richMenu.querySelector(".areas button")?.focus();
  }

  hideMenu() {
    this.richMenu.hidden = true;
    this.composer.hidden = false;
  }

  switchMenu(alias) {
    const menu = this.menu?.aliases?.[alias];
    if (menu) this.drawRichMenu(menu);
  }
}

/** What became of what somebody did: sent, read, or not taken. */
function state(row, trace, phone) {
  const shown = row.querySelector(".state");
  if (!shown) return;
  const { words, dialect } = phone;
  row.dataset.state = trace.status === null ? "sending" : trace.status === 200 ? "read" : "failed";
  if (trace.status === null) shown.textContent = words[dialect.sending] ?? "";
  else if (trace.status === 200) shown.textContent = words[dialect.taken];
  else if (!shown.querySelector("button")) {
    const again = h("button", { type: "button", class: "again", "aria-label": words.again, title: words.again, text: "!" });
    again.addEventListener("click", () => post("deliveries", { trace: trace.id }).catch((error) => phone.app.say(error.message)));
    shown.replaceChildren(again);
  }
}

function clock(at, language) {
  return new Intl.DateTimeFormat(language === "en" ? "en" : "zh-Hant-TW", { hour: "numeric", minute: "2-digit", hour12: language !== "en" ? true : undefined, timeZone: "Asia/Taipei" }).format(new Date(at));
}

/** The brand's picture. */
function sign(named = "avatar") {
  return h("img", { class: named, src: "sign.svg", alt: "" });
}

/** Whose answer it is: the account's, or another tool's on the same channel, which LINE shows with its name before it. */
function who(message, account) {
  return message?.sender?.name ? `${message.sender.name} (${account})` : account;
}
