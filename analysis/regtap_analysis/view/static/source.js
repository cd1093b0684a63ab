// Where the page's data come from: the server, or what an exported file carries.
"use strict";

const ARRAYS = {
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  float32: Float32Array, float64: Float64Array,
};

// The arrays of an answer; view/columns.py has the layout.
function unpack(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const array = ([at, type, length]) => new ARRAYS[type](buffer, 4 + size + at, length);
  const lanes = new Map(head.lanes.map(entry => {
    const arrays = Object.fromEntries(Object.entries(entry.arrays).map(([name, place]) => [name, array(place)]));
    return [entry.lane, {rows: entry.rows, ...arrays}];
  }));
  const gaps = head.gaps.map(gap => ({...gap, density: array(gap.density)}));
  return {first: BigInt(head.first), stop: BigInt(head.stop), lanes, gaps};
}

class ServerSource {
  constructor() {
    this.isLive = true;
    this.pending = new Map();
  }

  // Ask for one thing; a later question of the same kind cancels it.
  async ask(kind, path, query = {}) {
    this.pending.get(kind)?.abort();
    const abort = new AbortController();
    this.pending.set(kind, abort);
    const answer = await fetch(`api/${path}?${new URLSearchParams(query)}`, {signal: abort.signal});
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  }

  async info() { return (await this.ask("info", "info")).json(); }

  async lanes(kind, view, columns, lanes, effort) {
    const query = {first: view.first, stop: view.stop, columns, lanes: lanes.join(), effort};
    return unpack(await (await this.ask(kind, "lanes", query)).arrayBuffer());
  }

  async at(moment, lanes) {
    const {samples} = await (await this.ask("at", "at", {t: moment, lanes: lanes.join()})).json();
    return samples.map(sample => sample && {t: BigInt(sample.t), low: BigInt(sample.value), high: BigInt(sample.value)});
  }

  // The next or previous change, or null; a search that takes long goes on in pieces.
  async search(lane, moment, direction) {
    for (;;) {
      const answer = await (await this.ask("search", "search", {t: moment, lanes: lane, direction})).json();
      if (answer.sample) return BigInt(answer.sample.t);
      if (answer.resume === null) return null;
      moment = BigInt(answer.resume);
    }
  }

  async count(first, stop, lanes) {
    const {counts} = await (await this.ask("count", "count", {first, stop, lanes: lanes.join()})).json();
    return counts.map(count => BigInt(count.until) >= stop ? count.changes : `≥ ${count.changes}`);
  }
}

// The columns of an exported file, reduced further to what a view needs.
class FileSource {
  constructor(info, packed) {
    this.isLive = false;
    this.described = info;
    this.all = unpack(packed);
    this.span = Number(this.all.stop - this.all.first);
  }

  async info() { return this.described; }

  async lanes(kind, view, columns, lanes) {
    const from = Number(view.first - this.all.first), width = Number(view.stop - view.first);
    const found = new Map(lanes.map(lane => {
      const data = this.all.lanes.get(lane);
      return [lane, data.times ? cutSamples(data, from, width, columns) : this.reduce(data, from, width, columns)];
    }));
    const gaps = this.all.gaps.map(gap => ({...gap, density: this.densities(gap.density, from, width, columns)}));
    return {first: view.first, stop: view.stop, lanes: found, gaps};
  }

  // First and last fine bucket of each column.
  places(count, from, width, columns) {
    const scale = count / this.span, places = new Int32Array(2 * columns);
    for (let column = 0; column < columns; column += 1) {
      const left = Math.floor((from + width * column / columns) * scale);
      places[2 * column] = left;
      places[2 * column + 1] = Math.max(left, Math.ceil((from + width * (column + 1) / columns) * scale) - 1);
    }
    return places;
  }

  reduce(data, from, width, columns) {
    const places = this.places(data.low.length, from, width, columns), make = data.low.constructor;
    const out = {rows: data.rows, low: new make(columns), high: new make(columns), last: new make(columns),
      state: new Uint8Array(columns)};
    for (let column = 0; column < columns; column += 1) {
      const shared = column && places[2 * column] === places[2 * column - 1];
      for (let k = Math.max(0, places[2 * column]); k <= Math.min(places[2 * column + 1], data.low.length - 1); k += 1) {
        if (!data.state[k]) continue;
        if (!out.state[column] || data.low[k] < out.low[column]) out.low[column] = data.low[k];
        if (!out.state[column] || data.high[k] > out.high[column]) out.high[column] = data.high[k];
        out.last[column] = data.last[k];
        out.state[column] = Math.max(out.state[column], data.state[k], shared && data.low[k] !== data.high[k] ? 2 : 1);
      }
    }
    return out;
  }

  densities(density, from, width, columns) {
    const places = this.places(density.length, from, width, columns), out = new Float32Array(columns);
    for (let column = 0; column < columns; column += 1) {
      for (let k = Math.max(0, places[2 * column]); k <= Math.min(places[2 * column + 1], density.length - 1); k += 1) {
        out[column] = Math.max(out[column], density[k]);
      }
    }
    return out;
  }

  async at(moment, lanes) {
    const from = Number(moment - this.all.first);
    return lanes.map(lane => {
      const data = this.all.lanes.get(lane);
      if (data.times) {
        const row = upperBound(data.times, from) - 1;
        return row < 0 ? null : {t: this.all.first + BigInt(data.times[row]), low: BigInt(data.values[row]),
          high: BigInt(data.values[row])};
      }
      let k = Math.min(Math.floor(from * data.low.length / this.span), data.low.length - 1);
      while (k >= 0 && !data.state[k]) k -= 1;
      return k < 0 ? null : {t: moment, low: BigInt(data.low[k]), high: BigInt(data.high[k])};
    });
  }

  async search(lane, moment, direction) {
    const data = this.all.lanes.get(lane), from = Number(moment - this.all.first), step = direction === "next" ? 1 : -1;
    const low = data.times ? data.values : data.low, high = data.times ? data.values : data.high;
    const fine = this.span / low.length;
    let k = data.times ? upperBound(data.times, from) - 1 : Math.floor(from / fine);
    if (step < 0 && data.times && data.times[k] === from) k -= 1;
    for (k += step > 0 ? 1 : data.times ? 0 : -1; k > 0 && k < low.length; k += step) {
      if (data.times ? low[k] !== low[k - 1] : data.state[k] && (low[k] !== high[k] || low[k] !== data.last[k - 1])) {
        return this.all.first + BigInt(Math.floor(data.times ? data.times[k] : k * fine));
      }
    }
    return null;
  }

  async count(first, stop, lanes) {
    return lanes.map(lane => {
      const data = this.all.lanes.get(lane);
      if (!data.times) return null;
      let changes = 0;
      const from = upperBound(data.times, Number(first - this.all.first));
      const end = upperBound(data.times, Number(stop - this.all.first));
      for (let k = Math.max(from, 1); k < end; k += 1) changes += data.values[k] !== data.values[k - 1];
      return String(changes);
    });
  }
}

// Number of entries that are at most `value` in a sorted array.
function upperBound(sorted, value) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= value) low = middle + 1; else high = middle;
  }
  return low;
}

// The samples of a view, and one on either side; too many for its columns become columns.
function cutSamples(data, from, width, columns) {
  const first = Math.max(0, upperBound(data.times, from) - 1);
  const stop = Math.min(data.times.length, upperBound(data.times, from + width) + 1);
  if (stop - first <= columns) {
    return {rows: data.rows, times: data.times.slice(first, stop).map(time => time - from),
      values: data.values.slice(first, stop)};
  }
  const make = data.values.constructor;
  const out = {rows: data.rows, low: new make(columns), high: new make(columns), last: new make(columns),
    state: new Uint8Array(columns)};
  for (let row = first; row < stop; row += 1) {
    const column = Math.floor((data.times[row] - from) * columns / width);
    if (column < 0 || column >= columns) continue;
    const value = data.values[row];
    if (!out.state[column] || value < out.low[column]) out.low[column] = value;
    if (!out.state[column] || value > out.high[column]) out.high[column] = value;
    out.last[column] = value;
    out.state[column] = 1;
  }
  return out;
}

function openSource() {
  const packed = document.getElementById("regtap-columns");
  if (!packed) return new ServerSource();
  const bytes = Uint8Array.from(atob(packed.textContent.trim()), character => character.charCodeAt(0));
  return new FileSource(JSON.parse(document.getElementById("regtap-info").textContent), bytes.buffer);
}
