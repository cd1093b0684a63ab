// What the page shows: range, lanes, cursors. The address's fragment holds it, so that a link shares it.
"use strict";

const SHORTEST = 8n;  // ns that a view shows at least
const STATE_COLOURS = 8n;
const WHOLE = /^-?[0-9]{1,19}$/;

class State {
  constructor(info) {
    this.info = info;
    this.first = BigInt(info.first);
    this.stop = BigInt(info.stop);
    this.order = info.lanes.map((_, number) => number);
    this.hidden = new Set();
    this.picked = 0;
    this.a = null;
    this.b = null;
    this.format = "hex";
    this.condition = "";
    this.follows = info.live;
    this.showWhole();
  }

  get span() { return this.stop - this.first; }

  get whole() {
    const first = BigInt(this.info.first), stop = BigInt(this.info.stop), margin = (stop - first) / 100n + 1n;
    return {first: first - margin, stop: stop + margin};
  }

  get lanes() { return this.order.filter(lane => !this.hidden.has(lane)); }

  // What belongs to a trace, with its number where there are several.
  ofSource(source, text) { return this.info.traces.length > 1 ? `${source + 1}: ${text}` : text; }

  showWhole() { this.show(this.whole.first, this.whole.stop); }

  // Show a stretch, kept near the trace and no shorter than can be drawn.
  show(first, stop) {
    const {first: from, stop: to} = this.whole, whole = to - from;
    let span = stop - first;
    if (span < SHORTEST) { first -= (SHORTEST - span) / 2n; span = SHORTEST; }
    if (span > whole) { first = from; span = whole; }
    if (first + span > to) first = to - span;
    if (first < from) first = from;
    this.first = first;
    this.stop = first + span;
  }

  // Zoom by a factor around a fraction of the view's width.
  zoom(factor, at) {
    const span = this.span, scaled = BigInt(Math.max(1, Math.round(Number(span) * factor)));
    const pivot = this.first + scaledBy(span, at), first = pivot - scaledBy(scaled, at);
    this.show(first, first + scaled);
  }

  pan(fraction) {
    const by = scaledBy(this.span, fraction);
    this.show(this.first + by, this.stop + by);
  }

  timeAt(fraction) { return this.first + scaledBy(this.span, fraction); }

  place(time) { return Number(time - this.first) / Number(this.span); }

  centre(time) {
    const half = this.span / 2n;
    this.show(time - half, time - half + this.span);
  }

  toFragment() {
    const parts = {v: `${this.first}_${this.stop}`, f: this.format, p: this.picked};
    if (this.hidden.size || this.order.some((lane, k) => lane !== k)) parts.l = this.lanes.join("_");
    if (this.a !== null) parts.a = this.a;
    if (this.b !== null) parts.b = this.b;
    if (this.condition) parts.q = this.condition;
    return new URLSearchParams(parts).toString();
  }

  fromFragment(text) {
    const parts = new URLSearchParams(text);
    const whole = name => WHOLE.test(parts.get(name) ?? "") ? BigInt(parts.get(name)) : null;
    const [first, stop] = (parts.get("v") ?? "").split("_");
    if (WHOLE.test(first) && WHOLE.test(stop) && BigInt(first) < BigInt(stop)) {
      this.show(BigInt(first), BigInt(stop));
      this.follows = false;
    }
    if (["hex", "dec", "bin"].includes(parts.get("f"))) this.format = parts.get("f");
    this.a = whole("a");
    this.b = whole("b");
    this.condition = parts.get("q") ?? "";
    const known = lane => Number.isInteger(lane) && lane >= 0 && lane < this.info.lanes.length;
    if (known(Number(parts.get("p") ?? "x"))) this.picked = Number(parts.get("p"));
    this.showLanes((parts.get("l") ?? "").split("_").filter(Boolean).map(Number).filter(known));
  }

  // Show these lanes in this order; none means all, as they are.
  showLanes(lanes) {
    if (!lanes.length) return;
    const chosen = new Set(lanes), others = this.info.lanes.map((_, lane) => lane).filter(lane => !chosen.has(lane));
    this.order = [...chosen, ...others];
    this.hidden = new Set(others);
  }
}

const scaledBy = (span, fraction) => BigInt(Math.round(Number(span) * fraction));

// A value as people read it: its name, then the number in the chosen format.
function formatValue(value, lane, format) {
  const digits = {
    hex: () => `0x${value.toString(16).padStart(Math.ceil(lane.bits / 4), "0")}`,
    dec: () => String(value).replace(/\B(?=(\d{3})+$)/g, ","),
    bin: () => `0b${value.toString(2).padStart(lane.bits, "0")}`,
  }[format]();
  const name = valueName(value, lane);
  return name ? `${name} (${digits})` : digits;
}

function indexOfName(value, lane) {
  return lane.values.findIndex(([number, any]) => (value & ~BigInt(any)) === BigInt(number));
}

function valueName(value, lane) { return lane.values[indexOfName(value, lane)]?.[2] ?? lane.otherwise; }

// Which of the colours of states a value has, as in plot/states.py.
function colourNumber(value, lane) {
  const named = indexOfName(value, lane), others = BigInt(lane.values.length) + (lane.otherwise ? 0n : value);
  return Number((named < 0 ? others : BigInt(named)) % STATE_COLOURS);
}
