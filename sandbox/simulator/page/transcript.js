// Transcripts: all chats as a file, and a file done again, tap by tap, on the phones on screen.

import { post } from "./api.js";
import { h, icon, still } from "./dom.js";
import { t } from "./texts.js";

const SETTLES_WITHIN = 30_000;

export class Transcript {
  constructor(app) {
    this.app = app;
    this.file = h("input", { type: "file", accept: "application/json", hidden: true });
    this.progress = h("div", { class: "progress", role: "status", hidden: true });
    this.export = h("a", { class: "tool text", href: "/api/transcript", download: "", "data-t": "export" });
    this.start = h("button", { class: "tool text", type: "button", "data-t": "replay" });
    this.root = h("div", { class: "transcript" }, this.export, this.start, this.file, this.progress);
    this.start.addEventListener("click", () => this.file.click());
    this.file.addEventListener("change", async () => {
      const [file] = this.file.files;
      this.file.value = "";
      if (file) await this.read(await file.text());
    });
  }

  async read(text) {
    let steps;
    try {
      const whole = JSON.parse(text);
      if (whole.transcript !== 1) throw new Error("of another kind");
      steps = whole.entries.filter((entry) => entry.by === "person");
      this.people = Array.isArray(whole.people) ? whole.people : [];
      this.standIns = new Map();
    } catch {
      this.app.say(t("replay_wrong"));
      return;
    }
    await this.replay(steps);
  }

  /** Do all steps again, each after the one before was answered. */
  async replay(steps) {
    this.stopped = false;
    this.app.still = true;
    this.progress.hidden = false;
    const count = h("span");
    this.progress.replaceChildren(icon("play"), count, h("button", { type: "button", class: "tool text", text: t("stop"), on: { click: () => (this.stopped = true) } }));
    let done = 0;
    try {
      for (const step of steps) {
        if (this.stopped) break;
        count.textContent = t("replaying", { n: done + 1, all: steps.length });
        if (!(await this.again(step))) {
          this.app.say(t("replay_lost", { n: done + 1, label: step.act.how?.label ?? step.shown }));
          return;
        }
        done += 1;
      }
      this.app.say(t("replayed", { n: done }));
    } finally {
      this.progress.hidden = true;
      this.app.still = still();
      this.progress.dataset.done = String(done);
    }
  }

  async again(step) {
    const phone = this.app.phones[step.channel];
    const inGroup = step.chat !== step.user;
    const person = this.app.person(step.channel, step.user) ?? (await this.standIn(step));
    if (phone.person.id !== person.id || phone.inGroup !== inGroup) {
      await phone.be(person, inGroup);
      phone.holder.draw();
    }
    const { how = {}, ...act } = step.act;
    const before = new Set(this.app.state.traces.keys());
    if (how.by === "tap") {
      const node = this.find(phone, how);
      if (!node) return false;
      node.scrollIntoView({ block: "nearest", behavior: "instant" });
      phone.perform(node);
    } else if (act.type === "says") {
      phone.mention.setAttribute("aria-pressed", String(Boolean(act.mention)));
      await phone.type(act.text);
    } else await phone.act(act, step.shown, how);
    await this.settled(phone, before);
    return true;
  }

  /** Somebody new in the place of somebody who was new then, and owns what that person owned. */
  async standIn({ channel, user }) {
    if (!this.standIns.has(user)) {
      const gone = this.people.find((each) => each.id === user);
      const like = this.app.state.people.find((each) => each.channel === channel && each.about.en === gone?.about?.en);
      const { person } = this.app.phones[channel];
      const made = await post("people", { channel, user: (like ?? person).id, locale: (gone ?? person).locale });
      if (!this.app.person(channel, made.id)) this.app.state.people.push(made);
      this.standIns.set(user, made.id);
    }
    return this.app.person(channel, this.standIns.get(user));
  }

  /** What was tapped, where it was; else the newest thing with its label. */
  find(phone, how) {
    const inside = { quick: phone.choices, menu: phone.richMenu };
    for (const [name, whole] of Object.entries(inside)) {
      const node = how[name] >= 0 ? whole.querySelectorAll("[data-tap]")[how[name]] : null;
      if (node?.dataset.tap === how.label) return node;
    }
    if (how.back >= 0) {
      const row = [...phone.rows.children].reverse()[how.back];
      const node = row?.querySelectorAll("[data-tap]")[how.index];
      if (node?.dataset.tap === how.label) return node;
    }
    if (how.sheet >= 0) {
      if (phone.menu?.persistent_menu) phone.showMenu();
      const node = [...phone.sheet.querySelectorAll("[data-tap]")].find((each) => each.dataset.tap === how.label);
      if (node) return node;
      phone.closeSheet();
    }
    return phone.tappables().reverse().find((node) => node.dataset.tap === how.label);
  }

  /** Until what was just done has its outcome and the answer is on screen. */
  async settled(phone, before) {
    const until = performance.now() + SETTLES_WITHIN;
    while (performance.now() < until && !this.stopped) {
      const started = [...this.app.state.traces.values()].filter((trace) => trace.kind === "webhook" && trace.channel === phone.channel && !before.has(trace.id));
      if (started.length && started.every((trace) => trace.outcome || (trace.status !== null && trace.status !== 200))) return;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
}
