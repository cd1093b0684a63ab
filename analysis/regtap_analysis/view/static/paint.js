// The painter: lanes, axis and map on canvases. It draws what the source has reduced to the screen's columns.
"use strict";

const AXIS_PX = 34, MARK_PX = 16, STRIP_PX = 9, SPACE_PX = 16, FIELD_SPACE_PX = 5, LANE_PX = 4, NARROW_PX = 600;
const SHADE = 0.2;  // of a gap that takes all of its columns' time

class Painter {
  constructor() {
    this.canvases = Object.fromEntries(["map", "top", "lanes"].map(id => [id, document.getElementById(id)]));
    this.names = new Map();
    this.readTheme();
  }

  readTheme() {
    const style = getComputedStyle(document.documentElement), known = new Map();
    this.colour = name => {
      if (!known.has(name)) known.set(name, style.getPropertyValue(`--${name}`).trim());
      return known.get(name);
    };
    this.font = (size, weight = "") => `${weight} ${size}px system-ui, "DejaVu Sans", sans-serif`;
  }

  // Of a cause of gaps; grey for one that a later regtap may have.
  causeColour(cause) { return this.colour(`cause-${cause}`) || this.colour("grey"); }

  get isNarrow() { return innerWidth < NARROW_PX; }

  get gutter() { return this.isNarrow ? 62 : 208; }

  get plotWidth() { return Math.max(1, Math.floor(document.getElementById("scroll").clientWidth - this.gutter - 8)); }

  // A context in CSS pixels, cleared, and the canvas's size.
  context(id, height) {
    const canvas = this.canvases[id], scale = devicePixelRatio || 1;
    const width = document.getElementById("scroll").clientWidth;
    if (height !== undefined) canvas.style.height = `${height}px`;
    const tall = height ?? canvas.clientHeight;
    canvas.style.width = `${width}px`;
    if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
    if (canvas.height !== Math.round(tall * scale)) canvas.height = Math.round(tall * scale);
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, tall);
    context.textBaseline = "middle";
    return [context, width, tall];
  }

  // Where each lane lies, from the top of all lanes.
  layout(state) {
    let top = 4;
    const boxes = state.lanes.map(number => {
      const lane = state.info.lanes[number];
      top += lane.is_field && !this.isNarrow ? FIELD_SPACE_PX : SPACE_PX;  // a narrow screen has names above the lanes
      const box = {number, top, height: lane.height};
      top += lane.height;
      return box;
    });
    return {boxes, height: top + 10};
  }

  paintLanes(state, shown, hover) {
    const scroll = document.getElementById("scroll"), {boxes, height} = this.layout(state);
    document.getElementById("spacer").style.height = `${Math.max(0, height - scroll.clientHeight)}px`;
    const [context, width, tall] = this.context("lanes", scroll.clientHeight);
    context.translate(0, -scroll.scrollTop);
    const clip = {top: scroll.scrollTop, bottom: scroll.scrollTop + tall};
    for (const gap of shown?.gaps ?? []) {
      this.shadeGap(context, state, shown, gap, this.stretches(state, boxes, gap.source));
    }
    this.grid(context, state, clip);
    for (const box of boxes) {
      if (box.top + box.height < clip.top || box.top > clip.bottom) continue;
      this.paintLane(context, state, box, shown, width);
    }
    this.verticals(context, state, clip, hover);
    if (this.isNarrow) boxes.forEach(box => this.nameAbove(context, state, state.info.lanes[box.number], box));
    if (hover) this.hoverValues(context, state, boxes, hover);
  }

  x(state, time) { return this.gutter + state.place(time) * this.plotWidth; }

  axis(state) {
    const most = Math.floor(this.plotWidth / (this.isNarrow ? 60 : 90));
    return timeAxis(state.first, state.stop, Math.max(2, most), state.info.zero || "start");
  }

  // The longest label that has room; the name of a mark is cut before it is left out.
  axisLabel(context, {labels, unit}, most) {
    if (this.isNarrow) return unit;
    const wide = text => context.measureText(text).width, tail = ` (${unit})`;
    return labels.find(label => wide(label) <= most)
      ?? fit(context, labels.at(-1).slice(0, -tail.length), most - wide(tail)) + tail;
  }

  grid(context, state, clip) {
    context.strokeStyle = this.colour("faint");
    context.beginPath();
    for (const [time] of this.axis(state).ticks) {
      const x = Math.round(this.x(state, time)) + 0.5;
      context.moveTo(x, clip.top);
      context.lineTo(x, clip.bottom);
    }
    context.stroke();
  }

  // Where the neighbouring lanes of a trace lie, [[top, bottom]]: what it lacks is shaded in its own lanes.
  stretches(state, boxes, source) {
    const found = [];
    boxes.forEach((box, k) => {
      if (state.info.lanes[box.number].source !== source) return;
      const before = boxes[k - 1], isNext = before && state.info.lanes[before.number].source === source;
      if (isNext) found.at(-1)[1] = box.top + box.height + 2;
      else found.push([box.top - 4, box.top + box.height + 2]);
    });
    return found;
  }

  shadeGap(context, state, shown, gap, stretches) {
    context.fillStyle = this.causeColour(gap.cause);
    const strengths = shadesOf(gap.density);
    this.columns(state, shown, gap.density.length, (k, left, right) => {
      if (!strengths[k]) return;
      context.globalAlpha = SHADE * strengths[k];
      for (const [top, bottom] of stretches) context.fillRect(left, top, right - left, bottom - top);
    });
    context.globalAlpha = 1;
  }

  // Call with the left and right edge of each column of an answer, which may be of another view than the state's.
  columns(state, shown, count, each) {
    const {left, step} = this.scale(state, shown, count);
    for (let k = 0; k < count; k += 1) {
      const start = left + step * k, end = start + step;
      if (end >= this.gutter && start <= this.gutter + this.plotWidth) each(k, start, Math.max(end, start + 1));
    }
  }

  scale(state, shown, count) {
    const left = this.x(state, shown.first);
    return {left, step: (this.x(state, shown.stop) - left) / count};
  }

  paintLane(context, state, box, shown, width) {
    const lane = state.info.lanes[box.number], data = shown?.lanes.get(box.number);
    if (box.number === state.picked) {
      context.fillStyle = this.colour("pick");
      context.fillRect(0, box.top - 3, this.gutter - 4, box.height + 6);
    }
    const bounds = data && boundsOf(lane, data);
    if (!this.isNarrow) this.nameBeside(context, state, lane, box);
    if (bounds && lane.kind !== "states" && lane.bits > 1) this.values(context, lane, box, bounds);
    context.strokeStyle = this.colour("faint");
    context.strokeRect(this.gutter + 0.5, Math.round(box.top) + 0.5, this.plotWidth, box.height);
    if (!data) return;
    context.save();
    context.beginPath();
    context.rect(this.gutter, box.top - 2, this.plotWidth, box.height + 4);
    context.clip();
    if (bounds) new LanePainter(this, context, state, shown, {lane, box, data, bounds}).paint();
    else this.nothing(context, box);
    context.restore();
  }

  nothing(context, box) {
    context.fillStyle = this.colour("grey");
    context.font = this.font(11);
    context.textAlign = "center";
    context.fillText("no samples here", this.gutter + this.plotWidth / 2, box.top + box.height / 2);
  }

  // The lane's name for a width, in the context's font; cuts are kept, since every frame asks for them.
  nameOf(context, state, lane, most) {
    const key = `${context.font} ${Math.round(most)} ${lane.source} ${lane.register} ${lane.name}`;
    if (!this.names.has(key)) {
      const number = state.ofSource(lane.source, ""), others = state.info.lanes.map(other => other.name);
      const name = shorten(lane.name, others, text => context.measureText(number + text).width <= most);
      this.names.set(key, number + name);
    }
    return this.names.get(key);
  }

  // Over the lines of marks and cursors, which would cross it out.
  nameAbove(context, state, lane, box) {
    const most = this.gutter + this.plotWidth - 10;
    context.textAlign = "left";
    context.font = this.font(11, lane.is_field ? "" : "bold");
    const where = fit(context, ` ${lane.where}`, most / 2);
    const text = this.nameOf(context, state, lane, most - context.measureText(where).width) + where;
    context.fillStyle = this.colour("paper");
    context.fillRect(4, box.top - 14, context.measureText(text).width + 4, 12);
    context.fillStyle = this.colour("ink");
    context.fillText(text, 6, box.top - 8);
  }

  // A register's place stands below its name, a field's bits beside it.
  nameBeside(context, state, lane, box) {
    const middle = box.top + box.height / 2, most = this.gutter - 78;
    context.textAlign = "left";
    context.fillStyle = this.colour("ink");
    context.font = this.font(12, lane.is_field ? "" : "bold");
    const name = this.nameOf(context, state, lane, lane.is_field ? most - 30 : most);
    const left = lane.is_field ? 22 : 10, wide = context.measureText(name).width;
    context.fillText(name, left, lane.is_field ? middle : middle - 7);
    context.font = this.font(10);
    context.fillStyle = this.colour("grey");
    if (lane.is_field) context.fillText(fit(context, lane.where, most), left + 5 + wide, middle);
    else context.fillText(fit(context, lane.where, most), left, middle + 8);
  }

  // The value axis.
  values(context, lane, box, bounds) {
    context.font = this.font(10);
    context.textAlign = "right";
    context.fillStyle = this.colour("grey");
    const most = Math.max(2, Math.floor(box.height / 24)), asHex = lane.hex && (!lane.is_field || box.height < 48);
    for (const [value, label] of valueAxis(bounds.low, bounds.high, lane.bits, most, asHex)) {
      const share = bounds.high === bounds.low ? 0.5 : Number(value - bounds.low) / Number(bounds.high - bounds.low);
      if (share < -0.05 || share > 1.05) continue;
      const y = box.top + LANE_PX + (box.height - 2 * LANE_PX) * (1 - share);
      context.fillText(label, this.gutter - 5, y, this.isNarrow ? this.gutter - 6 : 74);
    }
  }

  verticals(context, state, clip, hover) {
    const line = (time, colour, dash) => {
      const x = Math.round(this.x(state, time)) + 0.5;
      if (x < this.gutter || x > this.gutter + this.plotWidth) return;
      context.strokeStyle = this.colour(colour);
      context.setLineDash(dash);
      context.beginPath();
      context.moveTo(x, clip.top);
      context.lineTo(x, clip.bottom);
      context.stroke();
      context.setLineDash([]);
    };
    for (const mark of state.info.marks) line(BigInt(mark.t), "mark", [4, 3]);
    if (state.a !== null) line(state.a, "a", []);
    if (state.b !== null) line(state.b, "b", []);
    if (hover) line(hover.time, "grey", [1, 2]);
  }

  hoverValues(context, state, boxes, hover) {
    context.font = this.font(11, "bold");
    for (const box of boxes) {
      const sample = hover.samples?.get(box.number);
      if (!sample) continue;
      const text = rangeText(sample, state.info.lanes[box.number], state.format);
      const wide = context.measureText(text).width + 8, x = this.x(state, hover.time);
      const left = x + wide + 6 < this.gutter + this.plotWidth ? x + 5 : x - wide - 5;
      context.fillStyle = this.colour("paper");
      context.globalAlpha = 0.88;
      context.fillRect(left, box.top + box.height / 2 - 8, wide, 16);
      context.globalAlpha = 1;
      context.fillStyle = this.colour("ink");
      context.textAlign = "left";
      context.fillText(text, left + 4, box.top + box.height / 2 + 0.5);
    }
  }

  // Axis, names of marks, a strip for each cause of gaps, and the cursors' flags.
  paintTop(state, shown) {
    const gaps = shown ? shown.gaps : [], marks = state.info.marks.length ? MARK_PX : 0;
    const [context, width] = this.context("top", AXIS_PX + marks + STRIP_PX * gaps.length + 2);
    const axis = this.axis(state);
    context.font = this.font(10.5);
    context.fillStyle = this.colour("grey");
    context.textAlign = "left";
    context.fillText(this.axisLabel(context, axis, this.gutter - 12), 8, 24);
    this.canvases.top.title = axis.labels[0];
    context.textAlign = "center";
    context.fillStyle = this.colour("ink");
    for (const [time, label] of axis.ticks) {
      const x = this.x(state, time);
      if (x >= this.gutter - 1 && x <= this.gutter + this.plotWidth + 1) {
        context.fillText(label, Math.min(x, width - context.measureText(label).width / 2 - 2), 24);
      }
    }
    this.markNames(context, state, width);
    gaps.forEach((gap, row) => this.strip(context, state, shown, gap, AXIS_PX + marks + STRIP_PX * row));
    this.flag(context, state, state.a, "a", "A");
    this.flag(context, state, state.b, "b", "B");
  }

  markNames(context, state, width) {
    let end = this.gutter;
    context.textAlign = "left";
    context.fillStyle = this.colour("ink");
    for (const mark of [...state.info.marks].sort((a, b) => (BigInt(a.t) < BigInt(b.t) ? -1 : 1))) {
      const x = this.x(state, BigInt(mark.t));
      if (x < end || x > width - 20) continue;
      const text = fit(context, state.ofSource(mark.source, mark.text), Math.min(170, width - x - 4));
      context.fillText(text, x + 2, AXIS_PX + MARK_PX / 2);
      end = x + context.measureText(text).width + 10;
    }
  }

  strip(context, state, shown, gap, top) {
    context.fillStyle = this.colour("band");
    context.fillRect(this.gutter, top, this.plotWidth, STRIP_PX - 2);
    context.fillStyle = this.colour("grey");
    context.textAlign = "right";
    context.font = this.font(9);
    context.fillText(state.ofSource(gap.source, gap.cause), this.gutter - 5, top + STRIP_PX / 2 - 1);
    context.fillStyle = this.causeColour(gap.cause);
    this.columns(state, shown, gap.density.length, (k, left, right) => {
      if (!gap.density[k]) return;
      context.globalAlpha = 0.6 + 0.4 * gap.density[k];
      context.fillRect(left, top, right - left, STRIP_PX - 2);
    });
    context.globalAlpha = 1;
  }

  flag(context, state, time, colour, name) {
    if (time === null) return;
    const x = this.x(state, time);
    if (x < this.gutter - 1 || x > this.gutter + this.plotWidth + 1) return;
    context.fillStyle = this.colour(colour);
    context.beginPath();
    context.roundRect(x - 8, 0, 16, 15, 3);
    context.fill();
    context.fillStyle = this.colour("paper");
    context.font = this.font(11, "bold");
    context.textAlign = "center";
    context.fillText(name, x, 8);
  }

  // The whole trace, one lane of it, with the view as a window.
  paintMap(state, overview) {
    const [context, width, tall] = this.context("map");
    context.fillStyle = this.colour("band");
    context.fillRect(0, 0, width, tall);
    const {first, stop} = state.whole, span = Number(stop - first);
    const x = time => Number(time - first) / span * width;
    if (overview) this.mapLane(context, state, overview, x, tall);
    context.fillStyle = this.colour("register");
    context.globalAlpha = 0.22;
    const left = x(state.first), wide = Math.max(3, x(state.stop) - left);
    context.fillRect(left, 0, wide, tall);
    context.globalAlpha = 1;
    context.strokeStyle = this.colour("register");
    context.strokeRect(left + 0.5, 0.5, wide - 1, tall - 1);
  }

  mapLane(context, state, overview, x, tall) {
    const left = x(overview.first), wide = x(overview.stop) - left;
    const [[number, data]] = overview.lanes, bounds = boundsOf(state.info.lanes[number], data);
    for (const gap of overview.gaps.filter(one => one.source === state.info.lanes[number].source)) {
      context.fillStyle = this.causeColour(gap.cause);
      gap.density.forEach((share, k) => {
        if (share) context.fillRect(left + wide * k / gap.density.length, 0, 1.5, 4);
      });
    }
    if (!bounds) return;
    context.fillStyle = this.colour("grey");
    const height = heightOf(bounds), y = value => tall - 3 - height(value) * (tall - 8);
    if (data.times) {
      const perNs = wide / Number(overview.stop - overview.first);
      data.times.forEach((time, k) => context.fillRect(left + time * perNs, y(data.values[k]), 1.5, 1.5));
    } else {
      const step = wide / data.low.length;
      data.low.forEach((low, k) => {
        const top = y(data.high[k]);
        if (data.state[k]) context.fillRect(left + step * k, top, step + 0.5, Math.max(1, y(low) - top));
      });
    }
  }
}

function rangeText(sample, lane, format) {
  const low = formatValue(sample.low, lane, format);
  return sample.low === sample.high ? low : `${low} … ${formatValue(sample.high, lane, format)}`;
}
