// Lists beside the lanes: lanes to choose and order, marks and gaps to jump to; and the line below with values.
"use strict";

class Panel {
  constructor(app) {
    this.app = app;
    this.element = document.getElementById("panel");
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    document.getElementById("side").setAttribute("aria-expanded", String(!this.element.hidden));
    this.fill();
    this.app.changed();
  }

  fill() {
    if (this.element.hidden) return;
    const {state} = this.app, {info} = state;
    this.list("lane-list", state.order, (item, number) => this.laneItem(item, number));
    this.list("mark-list", info.marks, (item, mark) => {
      const label = state.ofSource(mark.source, `${mark.text} · ${formatMoment(BigInt(mark.t))}`);
      item.append(this.button(label, "go", () => this.app.jump(BigInt(mark.t))));
    });
    this.list("gap-list", info.gaps, (item, gap) => {
      const first = BigInt(gap.first), stop = BigInt(gap.stop);
      const lost = gap.count === "0" ? "nothing lost" : `${Number(gap.count).toLocaleString("en")} absent`;
      const label = `${gap.cause} · ${formatMoment(first)} · ${formatSpan(stop - first)} · ${lost}`;
      item.append(this.button(state.ofSource(gap.source, label), "go", () => this.app.jumpTo(first, stop)));
    });
    const shown = info.gaps.length, all = info.gap_count;
    document.getElementById("gap-note").textContent = all === 0 ? "none" : shown < all
      ? `the ${shown.toLocaleString("en")} longest of ${all.toLocaleString("en")}` : "";
  }

  list(id, entries, fill) {
    document.getElementById(id).replaceChildren(...entries.map(entry => {
      const item = document.createElement("li");
      fill(item, entry);
      return item;
    }));
  }

  button(text, kind, act) {
    const button = document.createElement("button");
    button.textContent = text;
    button.className = kind;
    button.addEventListener("click", act);
    return button;
  }

  laneItem(item, number) {
    const {state} = this.app, lane = state.info.lanes[number];
    const box = document.createElement("input"), label = document.createElement("label");
    box.type = "checkbox";
    box.checked = !state.hidden.has(number);
    box.addEventListener("change", () => {
      if (box.checked) state.hidden.delete(number); else if (state.lanes.length > 1) state.hidden.add(number);
      box.checked = !state.hidden.has(number);
      this.app.changed();
    });
    const name = document.createElement("span");
    name.textContent = `${state.ofSource(lane.source, lane.name)} ${lane.where}`;
    label.append(box, name);
    item.classList.toggle("field", lane.is_field);
    item.classList.toggle("picked", number === state.picked);
    const up = this.button("↑", "move", () => this.move(number, -1));
    const down = this.button("↓", "move", () => this.move(number, 1));
    up.setAttribute("aria-label", `move ${lane.name} up`);
    down.setAttribute("aria-label", `move ${lane.name} down`);
    item.append(label, up, down);
  }

  move(number, by) {
    const {order} = this.app.state, at = order.indexOf(number), to = at + by;
    if (to < 0 || to >= order.length) return;
    [order[at], order[to]] = [order[to], order[at]];
    this.fill();
    this.app.changed();
  }
}

// The line under the lanes: what is under the pointer.
function writeReadout(state, hover) {
  const output = document.getElementById("readout");
  if (!hover) { output.textContent = ""; return; }
  const number = hover.lane ?? state.picked, lane = state.info.lanes[number], sample = hover.samples?.get(number);
  let text = formatMoment(hover.time);
  if (sample) {
    text += ` · ${state.ofSource(lane.source, lane.name)} = ${rangeText(sample, lane, state.format)}`;
    if (state.format !== "dec" && sample.low === sample.high) text += ` = ${formatValue(sample.low, lane, "dec")}`;
    if (hover.time > sample.t) text += ` · sampled ${formatSpan(hover.time - sample.t)} before`;
  }
  output.textContent = text;
}

// A whole number, its digits in groups of three, as moments have them.
function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, " ");
}

// Distance, rate and changes between the cursors.
function writeCursors(state, changes) {
  const parts = [];
  if (state.a !== null) parts.push(`A ${formatMoment(state.a)}`);
  if (state.b !== null) parts.push(`B ${formatMoment(state.b)}`);
  if (state.a !== null && state.b !== null) {
    const distance = magnitude(state.b - state.a);
    parts.push(`Δ ${grouped(distance)} ns = ${formatSpan(distance)}`);
    if (distance) parts.push(formatRate(1e9 / Number(distance)));
    const lane = state.info.lanes[changes?.lane];
    if (changes) parts.push(`${state.ofSource(lane.source, lane.name)}: ${changes.text}`);
  }
  document.getElementById("cursors").textContent = parts.join(" · ");
}
