// Bad days: a switch for each vendor and platform, and what can happen to the bot itself.

import { post, put } from "./api.js";
import { h } from "./dom.js";
import { t, translate } from "./texts.js";

const UPSTREAMS = ["mantago", "poshen", "gotit", "altegio", "line", "messenger", "other"];
const MODES = { "": "normal", down: "down", slow: "slow", limited: "limited", refused: "refused_key", garbage: "garbage", lost: "lost", timeout: "timeout" };

export class Trouble {
  constructor(app) {
    this.app = app;
    this.switches = new Map();
    this.list = h("div", { class: "switches" });
    this.tokens = h("input", { type: "checkbox", name: "tokens" });
    this.worker = h("span", { class: "worker" });
    this.kill = h("button", { type: "button", class: "danger", "data-t": "kill" });
    this.redeliver = h("button", { type: "button", "data-t": "redeliver_last" });
    this.replay = h("button", { type: "button", "data-t": "replay_old" });
    this.root = h(
      "div",
      { class: "pane", role: "tabpanel", "data-t-label": "trouble_tab", hidden: true },
      h("p", { class: "hint", "data-t": "trouble_hint" }),
      this.list,
      h("p", { class: "hint", "data-t": "breaker_hint" }),
      h("label", { class: "check" }, this.tokens, h("span", { "data-t": "tokens" })),
      h("div", { class: "inline" }, this.redeliver, this.replay),
      h("div", { class: "inline" }, this.worker, this.kill),
      h("p", { class: "hint", "data-t": "kill_hint" }),
    );
    for (const upstream of UPSTREAMS) this.list.append(this.switch(upstream));
    this.tokens.addEventListener("change", () => this.ask(put("tokens", { die: this.tokens.checked })));
    this.kill.addEventListener("click", () => this.ask(post("worker/kill")));
    this.redeliver.addEventListener("click", () => this.deliverAgain(false));
    this.replay.addEventListener("click", () => this.deliverAgain(true));
  }

  switch(upstream) {
    const mode = h("select", { name: upstream, "aria-label": t("vendors")[upstream] }, Object.entries(MODES).map(([value, key]) => h("option", { value, "data-t": key })));
    const once = h("input", { type: "checkbox", name: `${upstream}-once` });
    const set = () => this.ask(put("trouble", { upstream, mode: mode.value, once: once.checked }));
    mode.addEventListener("change", set);
    once.addEventListener("change", () => mode.value && set());
    this.switches.set(upstream, { mode, once });
    return h("div", { class: "switch" }, h("strong", { text: t("vendors")[upstream] }), mode, h("label", { class: "check small" }, once, h("span", { "data-t": "once" })));
  }

  draw() {
    translate(this.root);
    const { trouble, worker, tokens_die: die, shared } = this.app.state;
    let bad = 0;
    for (const [upstream, { mode, once }] of this.switches) {
      const set = trouble[upstream];
      mode.value = set?.mode ?? "";
      if (set) once.checked = set.once;
      mode.closest(".switch").classList.toggle("on", Boolean(set));
      if (upstream === "other") mode.closest(".switch").hidden = !shared;
      bad += Boolean(set);
    }
    this.tokens.checked = die;
    this.worker.replaceChildren(h("i", { class: `dot ${worker.state}` }), `${t("worker")}: ${t(`worker_${worker.state}`)}`);
    this.worker.dataset.state = worker.state;
    this.kill.disabled = !worker.killable;
    return bad + Boolean(die);
  }

  /** old: as somebody would post it who caught it yesterday. */
  async deliverAgain(old) {
    const { chat, channel } = this.app.chosen;
    const last = [...this.app.state.traces.values()].filter((trace) => trace.kind === "webhook" && trace.channel === channel && trace.chat === chat).at(-1);
    if (last) await this.ask(post("deliveries", { trace: last.id, old }));
    else this.app.say(t("nothing_to_redeliver"));
  }

  async ask(asked) {
    try {
      await asked;
    } catch (error) {
      this.app.say(error.message);
      this.draw();
    }
  }
}
