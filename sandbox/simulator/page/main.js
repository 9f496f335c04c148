// The page: three phones, the panel beside them, and everything that happens, as it happens.

import { get, listen, post } from "./api.js";
import { h, icon, still } from "./dom.js";
import { serves } from "./flex.js";
import { instagram } from "./instagram.js";
import { line } from "./line.js";
import { destination, entrance } from "./links.js";
import { messenger } from "./messenger.js";
import { Holder } from "./people.js";
import { Phone } from "./phone.js";
import { language, speak, t, translate } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Transcript } from "./transcript.js";
import { Tries } from "./tries.js";
import { Trouble } from "./trouble.js";

const THEMES = ["auto", "light", "dark"];
const EDGE = 20; // pixels, as in page.css

class App {
  constructor() {
    this.state = { people: [], entries: [], traces: new Map(), trouble: {}, worker: { state: "unknown" }, account: "", group: null, tokens_die: false, shared: false };
    this.unread = new Map(); // What came for people whose chat is not on a phone: their id to how much.
    this.still = still();
    this.phones = Object.fromEntries([line, messenger, instagram].map((dialect) => [dialect.channel, new Phone(dialect, this)]));
    for (const phone of Object.values(this.phones)) {
      phone.holder = new Holder(phone, this);
      phone.root.prepend(phone.holder.root);
      for (const event of ["focusin", "pointerdown"]) {
        phone.root.addEventListener(event, () => this.chosen !== phone && this.choose(phone));
      }
      phone.root.addEventListener("click", () => this.show(phone), { capture: true });
    }
    this.timeline = new Timeline(this);
    this.trouble = new Trouble(this);
    this.tries = new Tries(this);
    this.transcript = new Transcript(this);
    this.chosen = this.phones.line;
    this.build();
    this.applyTheme(remembered("theme", THEMES) ?? "auto");
    speak(remembered("language", ["zh", "en"]) ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
    this.stream = listen((event) => this.heard(event), {
      lost: () => (this.offline.hidden = false),
      found: () => (this.offline.hidden = true),
    });
  }

  /** Move the row of phones so that the whole of one is seen. */
  show(phone) {
    const [room, box] = [this.row, phone.root].map((node) => node.getBoundingClientRect());
    const [before, after] = [box.left - room.left - EDGE, box.right - room.right + EDGE];
    if (before < 0 || after > 0) this.row.scrollBy({ left: before < 0 ? before : after, behavior: this.still ? "instant" : "smooth" });
  }

  /** `phone` is the one used last: sentences to try, and the last event, are meant for it. */
  choose(phone) {
    this.chosen = phone;
    this.tries.draw();
  }

  build() {
    this.languageButton = h("button", { class: "tool text", type: "button", "data-t": "language", on: { click: () => this.changeLanguage() } });
    this.themeButton = h("button", { class: "tool", type: "button", on: { click: () => this.changeTheme() } }, icon("theme"));
    this.resetButton = h("button", { class: "tool text reset", type: "button", "data-t": "reset", on: { click: () => this.askReset() } });
    this.health = h("span", { class: "health", role: "status" });
    this.offline = h("div", { class: "offline", role: "alert", "data-t": "disconnected", hidden: true });
    this.toast = h("div", { class: "page-toast", role: "status", hidden: true });
    const top = h(
      "header",
      { class: "top" },
      h("img", { src: "icon.svg", alt: "", width: 28, height: 28 }),
      h("h1", {}, "Giftdesk ", h("small", { "data-t": "simulator" })),
      this.health,
      h("span", { class: "spring" }),
      this.transcript.root,
      this.resetButton,
      this.languageButton,
      this.themeButton,
    );
    const panes = [["try_tab", this.tries], ["trace_tab", this.timeline], ["trouble_tab", this.trouble]];
    this.tabs = h("div", { class: "tabs", role: "tablist", "data-t-label": "panel_tab" }, panes.map(([key, pane]) => h("button", { type: "button", role: "tab", "data-t": key, "data-pane": key, on: { click: () => this.open(pane) } })));
    this.panes = panes.map(([, pane]) => pane);
    roving(this.tabs);
    this.panel = h("aside", { class: "panel", id: "panel" }, this.tabs, h("div", { class: "panes" }, this.panes.map((pane) => pane.root)), h("p", { class: "hint small", "data-t": "about" }), h("p", { class: "hint small keys", "data-t": "keys" }));
    const places = [...Object.values(this.phones).map((phone) => [phone.channel, { text: phone.dialect.title }]), ["panel", { "data-t": "panel_tab" }]];
    this.places = h("div", { class: "places", role: "tablist", "data-t-label": "places" }, places.map(([place, named]) => h("button", { type: "button", role: "tab", ...named, "data-place": place, on: { click: () => this.go(place) } })));
    roving(this.places);
    this.row = h("div", { class: "phones" }, Object.values(this.phones).map((phone) => phone.root));
    this.stage = h("main", { class: "stage" }, this.row, this.panel);
    this.question = h("dialog", { class: "question" });
    document.body.append(top, this.offline, h("nav", {}, this.places), this.stage, this.toast, this.question);
    this.open(this.tries);
    this.go("line");
    document.addEventListener("scan", (event) => this.scan(event.detail));
    document.addEventListener("keydown", (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey) return;
      const place = { Digit1: "line", Digit2: "messenger", Digit3: "instagram", Digit4: "panel" }[event.code];
      if (!place) return;
      event.preventDefault();
      this.go(place);
      if (place === "panel") this.tabs.querySelector("[aria-selected=true]").focus();
      else {
        this.phones[place].hideMenu();
        this.phones[place].input.focus();
      }
    });
  }

  // Everything that happens.

  heard(event) {
    const { state } = this;
    switch (event.type) {
      case "hello": {
        const { entries, traces, pictures, ...rest } = event;
        serves(pictures);
        Object.assign(state, rest, { entries, traces: new Map(traces.map((trace) => [trace.id, trace])) });
        const anew = document.body.dataset.ready !== event.epoch;
        if (anew) this.unread.clear();
        for (const phone of Object.values(this.phones)) {
          if (anew) phone.putDown();
          const before = phone.person;
          phone.holder.draw();
          if (before && phone.person === before) phone.be(before, phone.inGroup);
        }
        this.timeline.draw();
        this.drawPanel();
        document.body.dataset.ready = event.epoch;
        break;
      }
      case "entry": {
        state.entries.push(event.entry);
        const phone = this.phones[event.entry.channel];
        if (phone?.person && phone.shows(event.entry)) phone.add(event.entry);
        else if (event.entry.by === "bot" && this.person(event.entry.channel, event.entry.chat)) {
          this.unread.set(event.entry.chat, (this.unread.get(event.entry.chat) ?? 0) + 1);
          phone.holder.draw();
        }
        break;
      }
      case "trace":
        state.traces.set(event.trace.id, event.trace);
        this.timeline.follow(event.trace);
        this.phones[event.trace.channel]?.follow(event.trace);
        break;
      case "busy": {
        const phone = this.phones[event.channel];
        if (phone?.chat === event.chat && (event.channel === "line" || event.how.sender_action === "typing_on")) phone.busy();
        break;
      }
      case "people":
        state.people = event.people;
        for (const phone of Object.values(this.phones)) phone.holder.draw();
        break;
      case "trouble":
        state.trouble = event.trouble;
        this.drawPanel();
        break;
      case "tokens":
        state.tokens_die = event.die;
        this.drawPanel();
        break;
      case "worker":
        state.worker = event.worker;
        this.drawPanel();
        break;
      case "menus":
        clearTimeout(this.menus);
        this.menus = setTimeout(() => Object.values(this.phones).forEach((phone) => phone.loadMenu()), 60);
        break;
      case "ended":
        this.stream.close();
        this.offline.dataset.t = "ended";
        translate(document.body);
        this.offline.hidden = false;
        break;
      case "resetting":
        this.say(t("resetting"), 60_000);
        break;
    }
  }

  /** A phone shows its person's chat: nothing of it is unread any more. */
  saw(phone) {
    if (this.unread.delete(phone.person?.id)) phone.holder.draw();
  }

  person(channel, id) {
    return this.state.people.find((person) => person.channel === channel && person.id === id);
  }

  drawPanel() {
    const bad = this.trouble.draw();
    this.tabs.querySelector("[data-pane=trouble_tab]").dataset.count = bad || "";
    this.tries.draw();
    const { worker } = this.state;
    this.health.replaceChildren(h("i", { class: `dot ${worker.state}` }), `${t("worker")}: ${t(`worker_${worker.state}`)}`);
    this.health.hidden = worker.state === "unknown";
  }

  /** Tell something, for a moment. */
  say(text, during = 4000) {
    this.toast.replaceChildren(h("span", { text }));
    this.toast.hidden = false;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => (this.toast.hidden = true), during);
  }

  // What is seen of it.

  open(pane) {
    this.panes.forEach((each, number) => {
      each.root.hidden = each !== pane;
      const tab = this.tabs.children[number];
      tab.setAttribute("aria-selected", String(each === pane));
      tab.tabIndex = each === pane ? 0 : -1;
    });
  }

  /** On narrow screens one place is seen at a time, on others a phone may stand beyond the edge. */
  go(place) {
    document.body.dataset.place = place;
    for (const tab of this.places.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.place === place));
      tab.tabIndex = tab.dataset.place === place ? 0 : -1;
    }
    const phone = this.phones[place];
    if (!phone) return;
    this.show(phone);
    phone.scroll("instant");
  }

  changeLanguage() {
    const next = language() === "zh" ? "en" : "zh";
    remember("language", next);
    speak(next);
    for (const phone of Object.values(this.phones)) phone.holder.draw();
    this.timeline.draw();
    this.drawPanel();
    this.applyTheme(document.documentElement.dataset.theme);
  }

  changeTheme() {
    const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
    remember("theme", next);
    this.applyTheme(next);
  }

  applyTheme(theme) {
    document.documentElement.dataset.theme = theme;
    this.themeButton.title = t(`theme_${theme}`);
    this.themeButton.setAttribute("aria-label", t(`theme_${theme}`));
  }

  // Links into our chats, opened or scanned: with whose phone is asked.

  async scan(address) {
    try {
      const { text } = await get(`scans?address=${encodeURIComponent(address)}`);
      const way = entrance(destination(text));
      if (way) this.enter(way, text);
      else this.say(text);
    } catch (error) {
      this.say(error.message);
    }
  }

  /** Ask whose phone opens a link; staff come first, for theirs are what customers' codes are held before. */
  enter(way, address) {
    const phone = this.phones[way.channel];
    const people = this.state.people.filter((person) => person.channel === way.channel).sort((one, other) => Number(other.staff) - Number(one.staff));
    const choices = people.map((person) => {
      const button = h("button", { type: "button", text: person.name, "data-person": person.id });
      button.addEventListener("click", () => {
        this.question.close();
        this.go(way.channel);
        phone.comes(person, way);
      });
      return button;
    });
    const cancel = h("button", { type: "button", text: t("cancel"), on: { click: () => this.question.close() } });
    this.question.replaceChildren(h("p", { text: t("scan_with", { phone: phone.dialect.title }) }), h("p", { class: "small", text: address }), h("div", { class: "whose" }, choices), h("div", { class: "inline" }, cancel));
    this.question.showModal();
    (choices[0] ?? cancel).focus();
  }

  askReset() {
    const yes = h("button", { type: "button", class: "danger", text: t("reset_yes") });
    const no = h("button", { type: "button", text: t("cancel"), on: { click: () => this.question.close() } });
    yes.addEventListener("click", async () => {
      this.question.close();
      try {
        await post("reset");
        this.say(t("reset_done"));
      } catch (error) {
        this.say(error.message);
      }
    });
    this.question.replaceChildren(h("p", { text: t("reset_question") }), h("div", { class: "inline" }, no, yes));
    this.question.showModal();
    no.focus();
  }
}

/** Arrow keys among tabs. */
function roving(tabs) {
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const all = [...tabs.children];
    const next = all.at((all.indexOf(document.activeElement) + by) % all.length);
    event.preventDefault();
    next.focus();
    next.click();
  });
}

function remember(name, value) {
  try {
    localStorage.setItem(`giftdesk-${name}`, value);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

function remembered(name, known) {
  try {
    const value = localStorage.getItem(`giftdesk-${name}`);
    return known.includes(value) ? value : null;
  } catch {
    return null;
  }
}

translate(document.body);
globalThis.giftdesk = new App();
