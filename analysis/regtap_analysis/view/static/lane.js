// One lane: every sample if they are few, or else a band from smallest to largest, or boxes with the states' names.
"use strict";

const FEW_VALUES = 8, MOST_DOTS = 200;

// Smallest and largest value of what is shown, or null without samples.
function boundsOf(lane, data) {
  if (lane.bits === 1) return (data.times ? data.times.length : data.state.some(Boolean)) ? {low: 0n, high: 1n} : null;
  let low = null, high = null;
  const count = data.times ? data.values.length : data.low.length;
  for (let k = 0; k < count; k += 1) {
    if (!data.times && !data.state[k]) continue;
    const least = data.times ? data.values[k] : data.low[k], most = data.times ? least : data.high[k];
    if (low === null || least < low) low = least;
    if (high === null || most > high) high = most;
  }
  return low === null ? null : {low: BigInt(low), high: BigInt(high)};
}

// A function from a value to its height, from 0 to 1; exact where it matters: the difference is taken first.
function heightOf(bounds) {
  const span = Number(bounds.high - bounds.low) || 1, flat = bounds.low === bounds.high;
  const base = Number(bounds.low);
  if (flat) return () => 0.5;
  return value => (typeof value === "bigint" ? Number(value - bounds.low) : value - base) / span;
}

class LanePainter {
  constructor(painter, context, state, shown, {lane, box, data, bounds}) {
    Object.assign(this, {painter, context, state, shown, lane, box, data});
    const height = heightOf(bounds), inner = box.height - 8;
    this.y = value => box.top + 4 + inner * (1 - height(value));
    const kind = lane.where.startsWith("[") ? "field" : "register";
    this.line = painter.colour(kind);
    this.fill = painter.colour(`${kind}-fill`);
    this.gapsUpTo = countGaps(shown.gaps);
  }

  paint() {
    this.context.lineWidth = 1.1;
    if (this.lane.kind === "states") this.boxes();
    else if (this.data.times) this.samples();
    else this.band();
  }

  sampleX(k) { return this.left + this.data.times[k] * this.perNs; }

  measureSamples() {
    const {first, stop} = this.shown;
    this.left = this.painter.x(this.state, first);
    this.perNs = (this.painter.x(this.state, stop) - this.left) / Number(stop - first);
    this.perColumn = (this.gapsUpTo.length - 1) / Number(stop - first);
  }

  // Whether a gap lies between two samples: then nothing may join them.
  isBroken(k) {
    if (k < 0) return true;
    const column = time => Math.max(0, Math.min(this.gapsUpTo.length - 1, time * this.perColumn));
    const from = Math.floor(column(this.data.times[k]));
    const to = Math.ceil(column(k + 1 < this.data.times.length ? this.data.times[k + 1] : Infinity));
    return this.gapsUpTo[to] > this.gapsUpTo[from];
  }

  // The last sample holds to the right edge, unless the trace ends there.
  get end() {
    const last = BigInt(this.state.info.stop) - this.shown.first;
    return this.left + Math.min(Number(last), Number(this.shown.stop - this.shown.first)) * this.perNs;
  }

  samples() {
    this.measureSamples();
    const {context, data} = this, count = data.times.length;
    const steps = this.lane.hex || this.lane.bits === 1 || new Set(data.values).size <= FEW_VALUES;
    context.strokeStyle = context.fillStyle = this.line;
    context.beginPath();
    for (let k = 0; k < count; k += 1) {
      const x = this.sampleX(k), y = this.y(data.values[k]);
      if (!k || this.isBroken(k - 1)) context.moveTo(x, y);
      else if (steps) { context.lineTo(x, this.y(data.values[k - 1])); context.lineTo(x, y); }
      else context.lineTo(x, y);
      if (k === count - 1 && !this.isBroken(k)) context.lineTo(Math.max(x, this.end), y);
    }
    context.stroke();
    for (let k = 0; k < count; k += 1) {
      const alone = this.isBroken(k) && (!k || this.isBroken(k - 1));
      if (alone || count <= MOST_DOTS) context.fillRect(this.sampleX(k) - 1.3, this.y(data.values[k]) - 1.3, 2.6, 2.6);
    }
  }

  band() {
    const {context, data} = this, edges = new Path2D(), bands = new Path2D(), mixed = new Path2D();
    let before = null;
    this.painter.columns(this.state, this.shown, data.low.length, (k, left, right) => {
      if (!data.state[k]) return;
      const top = this.y(data.high[k]), bottom = this.y(data.low[k]);
      (data.state[k] > 1 ? mixed : bands).rect(left, top, right - left, Math.max(bottom - top, 0.01));
      if (before && before.k === k - 1) {
        if (before.top !== top) { edges.moveTo(left, before.top); edges.lineTo(left, top); }
        if (before.bottom !== bottom) { edges.moveTo(left, before.bottom); edges.lineTo(left, bottom); }
      } else if (before && this.gapsUpTo[k] === this.gapsUpTo[before.k + 1]) {
        edges.moveTo(before.right, this.y(data.last[before.k]));
        edges.lineTo(left, this.y(data.last[before.k]));
        edges.lineTo(left, top);
      }
      edges.moveTo(left, top);
      edges.lineTo(right, top);
      edges.moveTo(left, bottom);
      edges.lineTo(right, bottom);
      before = {k, top, bottom, right};
    });
    context.fillStyle = this.fill;
    context.fill(bands);
    context.globalAlpha = 0.45;
    context.fill(mixed);
    context.globalAlpha = 1;
    context.strokeStyle = this.line;
    context.lineWidth = 0.9;
    context.stroke(edges);
  }

  // Boxes of one value each; columns with several are hatched.
  boxes() {
    for (const run of this.data.times ? this.sampleRuns() : this.columnRuns()) {
      const {context, box} = this, top = box.top + 3, tall = box.height - 6, wide = Math.max(1, run.right - run.left);
      context.fillStyle = this.fill;
      context.globalAlpha = run.value === null ? 0.5 : 1;
      context.fillRect(run.left, top, wide, tall);
      context.globalAlpha = 1;
      context.strokeStyle = this.line;
      if (run.value === null) { this.hatch(run.left, run.left + wide, top, tall); continue; }
      if (wide < 3) { context.fillStyle = this.line; context.fillRect(run.left, top, 1, tall); continue; }
      context.strokeRect(run.left + 0.5, top + 0.5, wide - 1, tall);
      this.label(run, top + tall / 2);
    }
  }

  label(run, middle) {
    const left = Math.max(run.left, this.painter.gutter), wide = Math.min(run.right, this.painter.gutter
      + this.painter.plotWidth) - left;
    if (wide < 14) return;
    const {context} = this, value = BigInt(run.value);
    context.font = this.painter.font(11);
    context.fillStyle = this.painter.colour("ink");
    context.textAlign = "center";
    const text = fit(context, valueName(value, this.lane) || formatValue(value, this.lane, this.state.format), wide - 6);
    if (text !== "…") context.fillText(text, left + wide / 2, middle + 1);
  }

  hatch(left, right, top, tall) {
    const {context} = this;
    context.lineWidth = 0.7;
    context.beginPath();
    for (let x = Math.ceil(left / 4) * 4; x < right; x += 4) { context.moveTo(x, top + tall); context.lineTo(x + 3, top); }
    context.stroke();
  }

  * sampleRuns() {
    this.measureSamples();
    const {data} = this, count = data.times.length;
    for (let k = 0, start = 0; k < count; k += 1) {
      const broken = this.isBroken(k), last = k === count - 1;
      if (!last && !broken && data.values[k + 1] === data.values[start]) continue;
      const right = last ? (broken ? this.sampleX(k) + 2 : this.end) : broken ? this.sampleX(k) + 2 : this.sampleX(k + 1);
      yield {left: this.sampleX(start), right, value: data.values[start]};
      start = k + 1;
    }
  }

  columnRuns() {
    const {data} = this, runs = [];
    this.painter.columns(this.state, this.shown, data.low.length, (k, left, right) => {
      const run = runs[runs.length - 1];
      if (!data.state[k]) {
        if (run && this.gapsUpTo[k + 1] === this.gapsUpTo[run.k + 1]) { run.right = right; run.k = k; }
        return;
      }
      const value = data.low[k] === data.high[k] && data.state[k] === 1 ? data.low[k] : null;
      if (run && run.k === k - 1 && run.value === value) { run.right = right; run.k = k; }
      else runs.push({k, left, right, value});
    });
    return runs;
  }
}

// How many columns with gaps lie before each column.
function countGaps(gaps) {
  const count = gaps.length ? gaps[0].density.length : 1, upTo = new Uint32Array(count + 1);
  for (let k = 0; k < count; k += 1) upTo[k + 1] = upTo[k] + gaps.some(gap => gap.density[k] > 0);
  return upTo;
}
