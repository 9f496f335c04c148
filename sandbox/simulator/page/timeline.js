// What happened to each webhook, step by step, drawn to scale.

import { post } from "./api.js";
import { h, plain } from "./dom.js";
import { t } from "./texts.js";

const SHOWN = 60;
const OUTCOMES = ["delivered", "passed on", "silent", "duplicate", "old", "held", "late", "parked", "waiting", "pushed later", "refused", "unreachable", "unknown", "undeliverable"];
const GOOD = ["delivered", "passed on", "silent", "duplicate", "old"];

export class Timeline {
  constructor(app) {
    this.app = app;
    this.cards = new Map();
    this.empty = h("p", { class: "hint", "data-t": "trace_empty" });
    this.list = h("div", { class: "traces" });
    this.root = h("div", { class: "pane", role: "tabpanel", "data-t-label": "trace_tab" }, this.empty, this.list);
  }

  clear() {
    this.cards.clear();
    this.list.replaceChildren();
    this.empty.hidden = false;
  }

  /** Draws all again, after a change of language. */
  draw() {
    const open = [...this.cards].filter(([, card]) => card.open).map(([id]) => id);
    this.clear();
    for (const trace of this.app.state.traces.values()) this.follow(trace, { quietly: true });
    for (const id of open) if (this.cards.has(id)) this.cards.get(id).open = true;
  }

  follow(trace, { quietly = false } = {}) {
    this.empty.hidden = true;
    let card = this.cards.get(trace.id);
    if (!card) {
      card = h("details", { class: `trace ${trace.kind}`, "data-trace-id": trace.id });
      // What nobody asked for closes nothing that is being read.
      if (!quietly && trace.kind !== "other") {
        for (const other of this.list.children) if (!other.matches(":focus-within")) other.open = false;
        card.open = true;
      }
      this.cards.set(trace.id, card);
      this.list.prepend(card);
      while (this.list.childElementCount > SHOWN) {
        this.cards.delete(Number(this.list.lastElementChild.dataset.traceId));
        this.list.lastElementChild.remove();
      }
    }
    const hadFocus = card.contains(document.activeElement) ? document.activeElement.className : null;
    const outcome = outcomeOf(trace);
    card.dataset.outcome = outcome.name;
    card.replaceChildren(this.head(trace, outcome), this.body(trace));
    if (hadFocus) (card.querySelector(`button.${CSS.escape(hadFocus.split(" ")[0])}`) ?? card.querySelector("summary")).focus();
  }

  head(trace, outcome) {
    const person = this.app.person(trace.channel, trace.user || trace.chat);
    return h(
      "summary",
      {},
      h("span", { class: `channel ${trace.channel}` }),
      h("span", { class: "label", text: plain(trace.label) || (trace.kind === "other" ? asked(trace) : t(`outcome_${trace.kind}`)) }),
      person ? h("span", { class: "by", text: person.name }) : null,
      h("span", { class: `outcome ${outcome.tone}`, text: outcome.text }),
    );
  }

  body(trace) {
    const rows = steps(trace);
    const end = Math.max(1, ...rows.map((row) => row.from + row.took));
    const list = h("ol", {}, rows.map((row) => {
      const bar = h("i", { class: `stretch ${row.tone}` });
      bar.style.insetInlineStart = `min(${(row.from / end) * 100}%, 100% - 3px)`;
      bar.style.width = `${Math.max(1, (row.took / end) * 100)}%`;
      return h(
        "li",
        { class: row.deep ? "deep" : null },
        h("span", { class: "what" }, h("b", { text: row.name }), row.detail ? h("small", { text: row.detail }) : null),
        h("span", { class: "room" }, bar),
        h("span", { class: `status ${row.tone}`, text: row.status }),
        h("span", { class: "took", text: row.open ? "…" : `${row.took < 10 ? Math.round(row.took * 10) / 10 : Math.round(row.took)} ms` }),
      );
    }));
    const foot = h("div", { class: "foot" });
    if (trace.failures) foot.append(h("span", { class: "warn", text: t("failures", { n: trace.failures }) }));
    if (trace.kind === "webhook") {
      const again = h("button", { type: "button", class: "again", title: t("again_hint"), text: t("again") });
      again.addEventListener("click", () => post("deliveries", { trace: trace.id }).catch((error) => this.app.say(error.message)));
      foot.append(again);
    }
    return h("div", { class: "steps" }, list, foot);
  }
}

/** Whom calls that answer no webhook were made to, and how many: a list kept fresh, codes made in bulk. */
function asked(trace) {
  const counts = new Map();
  for (const { upstream } of trace.steps) counts.set(upstream, (counts.get(upstream) ?? 0) + 1);
  return [...counts].map(([upstream, count]) => `${t("vendors")[upstream]} × ${count}`).join(" · ");
}

function outcomeOf(trace) {
  if (trace.kind !== "webhook") return { name: trace.kind, text: t(`outcome_${trace.kind}`), tone: "quiet" };
  if (trace.status !== null && trace.status !== 200) return { name: "not taken", text: t("outcome_not_taken"), tone: "bad" };
  if (!trace.outcome) return { name: "open", text: t("outcome_open"), tone: "quiet" };
  const name = OUTCOMES.includes(trace.outcome) ? trace.outcome : "open";
  const total = trace.total ?? (trace.waited ?? 0) + (trace.handled ?? 0);
  const text = t(`outcome_${name.replace(" ", "_")}`);
  return { name: trace.outcome, text: name === "delivered" ? `${text} · ${total} ms` : text, tone: GOOD.includes(name) ? "good" : "warn" };
}

/** Rows of a waterfall: name, from and took in milliseconds since the webhook was posted. */
function steps(trace) {
  const rows = [];
  if (trace.kind === "webhook") {
    const status = trace.status === null ? "" : trace.status || t("unanswered");
    rows.push({ name: t("webhook"), detail: trace.again ? t("redelivery") : "", from: 0, took: trace.acknowledged ?? 0, open: trace.status === null, status: String(status), tone: trace.status === 200 ? "good" : trace.status === null ? "quiet" : "bad" });
  }
  // A duplicate is stored only once: nothing of the first turn belongs to it.
  if (trace.waited !== null) {
    // The bot counts from the moment it stored the event, some time before its acknowledgement is here.
    const sent = trace.steps.find((step) => ["reply", "push", "send"].includes(step.kind));
    const latest = trace.acknowledged ?? 0;
    const stored = sent ? Math.min(latest, Math.max(0, sent.at - trace.at - trace.waited - (trace.handled ?? 0))) : latest;
    rows.push({ name: t("queue"), from: stored, took: trace.waited, status: "", tone: "quiet" });
    rows.push({ name: t("handling"), from: stored + trace.waited, took: trace.handled ?? 0, status: "", tone: "handling" });
  }
  for (const step of trace.steps) {
    const platform = step.kind !== "vendor";
    const names = { reply: t("reply"), push: t("push"), send: t("send_step"), busy: t("busy"), menu: t("link_menu"), profile: t("profile") };
    const gone = step.answered && step.status === 0;
    const left = step.status === 499;
    rows.push({
      name: platform ? names[step.kind] : t("vendors")[step.upstream],
      detail: platform ? (step.messages ? t("messages", { n: step.messages }) : "") : `${step.method} ${plain(step.path)}`,
      from: Math.max(0, step.at - trace.at),
      took: step.ms,
      open: !step.answered,
      status: !step.answered ? t("waiting_step") : gone ? t("no_connection") : left ? t("gave_up") : String(step.status),
      tone: !step.answered ? "quiet" : step.status >= 200 && step.status < 300 ? (platform ? "platform" : "vendor") : "bad",
      deep: !platform || ["busy", "menu", "profile"].includes(step.kind),
    });
  }
  return rows;
}
