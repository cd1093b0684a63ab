// One lane: every sample if they are few, or else a band from smallest to largest, or boxes with the states' names.
"use strict";

const FEW_VALUES = 8, MOST_DOTS = 200, DOT_PX = 2.6;

// Smallest and largest value of what is shown, or null without samples.
function boundsOf(lane, data) {
  if (lane.bits === 1) return (data.times ? data.times.length : data.state.some(Boolean)) ? {low: 0n, high: 1n} : null;
  const lows = data.values ?? data.low, highs = data.values ?? data.high;
  let low = null, high = null;
  for (let k = 0; k < lows.length; k += 1) {
    if (data.state && !data.state[k]) continue;
    if (low === null || lows[k] < low) low = lows[k];
    if (high === null || highs[k] > high) high = highs[k];
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
    const height = heightOf(bounds), inner = box.height - 2 * LANE_PX;
    this.y = value => box.top + LANE_PX + inner * (1 - height(value));
    const kind = lane.is_field ? "field" : "register";
    this.line = painter.colour(kind);
    this.fill = painter.colour(`${kind}-fill`);
    this.gapsUpTo = countGaps(shown.gaps.filter(gap => gap.source === lane.source));
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
  }

  // Whether a gap lies between a sample and the next: then nothing may join them.
  isBroken(k) { return k < 0 || this.data.broken[k] > 0; }

  // The last sample holds to the right edge, unless the trace ends there.
  get end() {
    const last = BigInt(this.state.info.stop) - this.shown.first;
    return this.left + Math.min(Number(last), Number(this.shown.stop - this.shown.first)) * this.perNs;
  }

  samples() {
    this.measureSamples();
    const {context, data} = this, count = data.times.length;
    context.strokeStyle = context.fillStyle = this.line;
    context.beginPath();
    this.traceSamples();
    context.stroke();
    for (let k = 0; k < count; k += 1) {
      const isAlone = this.isBroken(k) && this.isBroken(k - 1);
      if (!isAlone && count > MOST_DOTS) continue;
      context.fillRect(this.sampleX(k) - DOT_PX / 2, this.y(data.values[k]) - DOT_PX / 2, DOT_PX, DOT_PX);
    }
  }

  traceSamples() {
    const {context, data, lane} = this, last = data.times.length - 1;
    const isStepped = lane.hex || lane.bits === 1 || new Set(data.values).size <= FEW_VALUES;
    data.values.forEach((value, k) => {
      const x = this.sampleX(k), y = this.y(value);
      if (this.isBroken(k - 1)) context.moveTo(x, y);
      else if (isStepped) context.lineTo(x, this.y(data.values[k - 1]));
      context.lineTo(x, y);
      if (k === last && !this.isBroken(k)) context.lineTo(Math.max(x, this.end), y);
    });
  }

  band() {
    const {context} = this, paths = {edges: new Path2D(), bands: new Path2D(), mixed: new Path2D()};
    this.traceBand(paths);
    context.fillStyle = this.fill;
    context.fill(paths.bands);
    context.globalAlpha = 0.45;
    context.fill(paths.mixed);
    context.globalAlpha = 1;
    context.strokeStyle = this.line;
    context.lineWidth = 0.9;
    context.stroke(paths.edges);
  }

  // A rectangle for each column, and the outline of them all.
  traceBand({edges, bands, mixed}) {
    const {data} = this;
    const line = (x0, y0, x1, y1) => { edges.moveTo(x0, y0); edges.lineTo(x1, y1); };
    let before = null;
    this.painter.columns(this.state, this.shown, data.low.length, (k, left, right) => {
      if (!data.state[k]) return;
      const top = this.y(data.high[k]), bottom = this.y(data.low[k]);
      (data.state[k] === MIXED ? mixed : bands).rect(left, top, right - left, Math.max(bottom - top, 0.01));
      if (before && before.k === k - 1) {
        if (before.top !== top) line(left, before.top, left, top);
        if (before.bottom !== bottom) line(left, before.bottom, left, bottom);
      } else if (before && this.gapsUpTo[k] === this.gapsUpTo[before.k + 1]) {  // the value held meanwhile
        const held = this.y(data.last[before.k]);
        line(before.right, held, left, held);
        line(left, held, left, top);
      }
      line(left, top, right, top);
      line(left, bottom, right, bottom);
      before = {k, top, bottom, right};
    });
  }

  // Boxes of one value each; columns with several are hatched.
  boxes() {
    for (const run of this.data.times ? this.sampleRuns() : this.columnRuns()) this.stateBox(run);
  }

  stateBox(run) {
    const {context, box} = this, top = box.top + 3, tall = box.height - 6, wide = Math.max(1, run.right - run.left);
    const colour = run.value === null ? "band" : `state-${colourNumber(BigInt(run.value), this.lane)}`;
    context.fillStyle = this.painter.colour(colour);
    context.fillRect(run.left, top, wide, tall);
    context.strokeStyle = this.line;
    if (run.value === null) this.hatch(run.left, run.left + wide, top, tall);
    else if (wide >= 3) {
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
    const name = valueName(value, this.lane) || formatValue(value, this.lane, this.state.format);
    const text = fit(context, name, wide - 6);
    if (text !== "…") context.fillText(text, left + wide / 2, middle + 1);
  }

  hatch(left, right, top, tall) {
    const {context} = this;
    context.lineWidth = 0.7;
    context.beginPath();
    for (let x = Math.ceil(left / 4) * 4; x < right; x += 4) {
      context.moveTo(x, top + tall);
      context.lineTo(x + 3, top);
    }
    context.stroke();
  }

  * sampleRuns() {
    this.measureSamples();
    const {data} = this, last = data.times.length - 1;
    for (let k = 0, start = 0; k <= last; k += 1) {
      const isBroken = this.isBroken(k);
      if (k < last && !isBroken && data.values[k + 1] === data.values[start]) continue;
      const right = isBroken ? this.sampleX(k) + 2 : k < last ? this.sampleX(k + 1) : this.end;
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
      const value = data.low[k] === data.high[k] && data.state[k] !== MIXED ? data.low[k] : null;
      if (run && run.k === k - 1 && run.value === value) { run.right = right; run.k = k; }
      else runs.push({k, left, right, value});
    });
    return runs;
  }
}

// How many columns with gaps that break lines lie before each column.
function countGaps(gaps) {
  const count = gaps.length ? gaps[0].breaks.length : 1, upTo = new Uint32Array(count + 1);
  for (let k = 0; k < count; k += 1) upTo[k + 1] = upTo[k] + gaps.some(gap => gap.breaks[k] > 0);
  return upTo;
}
