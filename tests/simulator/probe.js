// What tests ask of the page. Loaded into it before its own scripts.
globalThis.probe = {
  /** The webhooks posted so far. */
  webhooks: () => [...giftdesk.state.traces.values()].filter((trace) => trace.kind === "webhook"),

  /** There are more webhooks than `before`, all with their outcome. */
  settled(before) {
    const traces = probe.webhooks();
    const over = (trace) => trace.outcome || (trace.status !== null && trace.status !== 200);
    return traces.length > before && traces.every(over);
  },

  traces: () => [...giftdesk.state.traces.values()],

  /** The statuses of all answered calls to one upstream; 0 for a connection that was cut. */
  statuses: (upstream) =>
    probe
      .traces()
      .flatMap((trace) => trace.steps)
      .filter((step) => step.upstream === upstream && step.answered)
      .map((step) => step.status),

  /** What people did, newest last. */
  acts: () => giftdesk.state.entries.filter((entry) => entry.by === "person").map((entry) => entry.act),

  person: (channel, nick) => giftdesk.state.people.find((each) => each.channel === channel && each.nick === nick),

  /** What the bot said since the person's last words. */
  answer(channel) {
    const said = [];
    for (const row of [...document.querySelectorAll(`#${channel} .rows > .row`)].reverse()) {
      if (row.dataset.by !== "bot") break;
      said.unshift(row.querySelector(".body").innerText);
    }
    return said.join("\n");
  },

  labels: (channel) => giftdesk.phones[channel].tappables().map((node) => node.dataset.tap),

  focused: () => document.activeElement.dataset.tap ?? document.activeElement.tagName,

  /** Computed values of the last thing that matches. */
  style(selector, names) {
    const style = getComputedStyle([...document.querySelectorAll(selector)].at(-1));
    return Object.fromEntries(names.map((name) => [name, style[name]]));
  },

  widths: (selector) => [...document.querySelectorAll(selector)].map((node) => node.getBoundingClientRect().width),

  /** Red, green and blue of a computed colour, added up. */
  brightness(selector, name) {
    const color = getComputedStyle(document.querySelector(selector))[name];
    return color.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  },

  /** Texts that can hardly be read: their words, their contrast with what is behind them. */
  faint() {
    const parse = (color) => {
      const found = color.match(/^rgba?\((.+)\)$/) ?? color.match(/^color\(srgb (.+)\)$/);
      const parts = found[1].split(/[\s,/]+/).map(Number);
      const [red, green, blue] = color.startsWith("color") ? parts.map((part) => part * 255) : parts;
      return [red, green, blue, parts[3] ?? 1];
    };
    const over = ([r, g, b, a], behind) => [r, g, b].map((part, each) => part * a + behind[each] * (1 - a));
    const light = (color) => {
      const [r, g, b] = color.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    // Where a gradient is, each of its colours has to do.
    const backs = (node) => {
      if (!node) return [[255, 255, 255]];
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(node);
      const stops = backgroundImage.match(/(?:rgba?|color)\([^)]+\)/g) ?? [];
      const opaque = parse(backgroundColor)[3] === 1 && opacity === "1";
      const behind = (opaque ? [[0, 0, 0]] : backs(node.parentElement)).map((each) => over(parse(backgroundColor), each));
      return stops.length ? stops.flatMap((stop) => behind.map((each) => over(parse(stop), each))) : behind;
    };
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const words = walker.currentNode.textContent.trim();
      const node = walker.currentNode.parentElement;
      if (!words || !node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) || node.closest("option, noscript, script, :disabled:not(.chip)")) continue;
      const style = getComputedStyle(node);
      const size = Number.parseFloat(style.fontSize);
      const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
      let fade = 1;
      for (let each = node; each; each = each.parentElement) fade *= Number(getComputedStyle(each).opacity);
      const [r, g, b, a] = parse(style.color);
      const ratios = backs(node).map((back) => {
        const [dark, bright] = [light(over([r, g, b, a * fade], back)), light(back)].sort((one, other) => one - other);
        return (bright + 0.05) / (dark + 0.05);
      });
      const worst = Math.min(...ratios);
      if (worst < least) found.push(`${worst.toFixed(2)} ${node.tagName.toLowerCase()}.${node.className} ${words.slice(0, 30)}`);
    }
    return [...new Set(found)];
  },

  /** Where the focus is: the part of the page, whether it can be seen, and how it is marked. */
  stop() {
    const node = document.activeElement;
    const box = node.getBoundingClientRect();
    const part = node.closest(".top, #line, #messenger, #instagram, #panel");
    return [part?.id || part?.className || "", box.width > 0 && box.height > 0, getComputedStyle(node).outlineStyle];
  },

  /** What a script that means no good could do here. */
  async attack() {
    const done = {};
    const attempt = (name, act) => {
      try {
        act();
        done[name] = "done";
      } catch {
        done[name] = "refused";
      }
    };
    attempt("markup", () => (document.createElement("p").innerHTML = "<b>x</b>"));
    attempt("script", () => (document.createElement("script").textContent = "document.title = 'pwned'"));
    const node = document.createElement("p");
    node.setAttribute("style", "color: rgb(1, 2, 3)");
    document.body.append(node);
    done.style = getComputedStyle(node).color === "rgb(1, 2, 3)" ? "done" : "refused";
    node.remove();
    done.foreign = await fetch("http://127.0.0.1:9/").then(
      () => "done",
      () => "refused",
    );
    return done;
  },

  /** The structure of the bot's messages: texts, order, buttons, badges and pictures, without sizes and places. */
  outline(channel) {
    const visible = (node) => node.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
    const bold = (node) => (Number(getComputedStyle(node).fontWeight) >= 600 ? "**" : "");
    const words = (node) => node.innerText.trim().replace(/\s*\n\s*/g, " / ");
    const lines = [];
    const say = (depth, text) => lines.push("  ".repeat(depth) + text);
    const isBadge = (node) => {
      const parts = node.querySelectorAll(".fx-text, .fx-button, .picture");
      const alone = parts.length === 1 && parts[0].parentElement === node && !node.dataset.tap;
      const filled = getComputedStyle(node).backgroundColor !== "rgba(0, 0, 0, 0)";
      return node.matches(".fx-horizontal > .fx-box") && alone && filled;
    };
    const named = (node) => {
      if (node.matches(".fx-bubble")) return `bubble ${node.dataset.size}`;
      if (node.matches(".fx-block")) return [...node.classList].at(-1).slice(3);
      if (node.matches(".track")) return `carousel of ${node.childElementCount}`;
      if (node.matches(".ms-card.spoken")) return "button template";
      if (node.matches(".ms-card")) return "element";
      if (node.dataset.tap !== undefined) return `tap ${node.dataset.tap}`;
      const row = node.matches(".fx-horizontal, .fx-baseline") && node.querySelectorAll(".fx-text").length > 1;
      return row ? "row" : null;
    };
    const walk = (node, depth) => {
      if (!visible(node) || node.matches(".arrow")) return;
      if (node.matches(".picture")) say(depth, `picture ${words(node)}`);
      else if (node.matches(".fx-separator")) say(depth, "—");
      else if (node.matches(".fx-button, .actions > button")) {
        say(depth, `[${words(node)}] ${node.dataset.style ?? ""}`.trim());
      } else if (node.matches(".fx-text, .words > *, .bubble")) say(depth, bold(node) + words(node) + bold(node));
      else if (isBadge(node)) say(depth, `(${words(node)})`);
      else {
        const name = named(node);
        if (name) say(depth, name);
        for (const child of node.children) walk(child, depth + (name ? 1 : 0));
      }
    };
    for (const body of document.querySelectorAll(`#${channel} .row.theirs[data-seq] .body`)) walk(body, 0);
    const chips = [...document.querySelectorAll(`#${channel} .choices .chip`)].filter(visible);
    if (chips.length) say(0, `quick replies: ${chips.map((chip) => `[${words(chip)}]`).join(" ")}`);
    return lines.join("\n");
  },
};
