// Where the page's data come from: the server, or what an exported file carries.
"use strict";

class ServerSource {
  constructor() {
    this.isFile = false;
    this.pending = new Map();
  }

  // Ask for one thing; a later question of the same kind cancels it.
  async ask(kind, path, query = {}) {
    this.pending.get(kind)?.abort();
    const abort = new AbortController();
    this.pending.set(kind, abort);
    const answer = await fetch(`api/${path}?${new URLSearchParams(query)}`, {signal: abort.signal});
    if (answer.ok) return answer;
    const column = Number(answer.headers.get("regtap-column")) || null;
    throw Object.assign(new Error(await answer.text()), {column});
  }

  async info() { return (await this.ask("info", "info")).json(); }

  async lanes(kind, view, columns, lanes, effort) {
    const query = {first: view.first, stop: view.stop, columns, lanes: lanes.join(), effort};
    return unpack(await (await this.ask(kind, "lanes", query)).arrayBuffer());
  }

  async at(moment, lanes) {
    const {samples} = await (await this.ask("at", "at", {t: moment, lanes: lanes.join()})).json();
    return samples.map(sample => {
      const value = sample && BigInt(sample.value);
      return sample && {t: BigInt(sample.t), low: value, high: value};
    });
  }

  // The next or previous change of a lane, or row where a condition begins; a long search goes on in pieces.
  async search(sought, moment, direction) {
    for (;;) {
      const answer = await (await this.ask("search", "search", {...sought, t: moment, direction})).json();
      if (answer.t !== null) return BigInt(answer.t);
      if (answer.resume === null) return null;
      moment = BigInt(answer.resume);
    }
  }

  async count(first, stop, lanes) {
    const {counts} = await (await this.ask("count", "count", {first, stop, lanes: lanes.join()})).json();
    return counts.map(count => BigInt(count.until) >= stop ? count.changes : `≥ ${count.changes}`);
  }
}

// The columns of an exported file, reduced further to what a view needs. It knows no rows, so it takes no conditions.
class FileSource {
  constructor(info, packed) {
    this.isFile = true;
    this.described = info;
    this.all = unpack(packed);
    this.span = Number(this.all.stop - this.all.first);
  }

  async info() { return this.described; }

  async lanes(kind, view, columns, lanes) {
    const wanted = {from: this.after(view.first), width: Number(view.stop - view.first), columns};
    const found = new Map(lanes.map(lane => [lane, this.lane(this.all.lanes.get(lane), wanted)]));
    const gaps = this.all.gaps.map(gap => {
      const places = finePlaces(gap.density.length, this.span, wanted);
      return {...gap, density: reduceDensity(gap.density, places), breaks: reduceDensity(gap.breaks, places)};
    });
    return {first: view.first, stop: view.stop, lanes: found, gaps};
  }

  lane(data, wanted) {
    return data.times ? cutSamples(data, wanted) : reduceColumns(data, finePlaces(data.low.length, this.span, wanted));
  }

  // Nanoseconds from the begin of the file's data.
  after(moment) { return Number(moment - this.all.first); }

  async at(moment, lanes) {
    return lanes.map(lane => {
      const data = this.all.lanes.get(lane);
      return data.times ? this.sampleAt(data, this.after(moment)) : this.columnAt(data, moment);
    });
  }

  sampleAt({times, values}, from) {
    const row = upperBound(times, from) - 1;
    if (row < 0) return null;
    return {t: this.all.first + BigInt(times[row]), low: BigInt(values[row]), high: BigInt(values[row])};
  }

  columnAt({low, high, state}, moment) {
    let k = Math.min(Math.floor(this.after(moment) * low.length / this.span), low.length - 1);
    while (k >= 0 && !state[k]) k -= 1;
    return k < 0 ? null : {t: moment, low: BigInt(low[k]), high: BigInt(high[k])};
  }

  async search({lanes: lane}, moment, direction) {
    const data = this.all.lanes.get(lane), from = this.after(moment), step = direction === "next" ? 1 : -1;
    const wide = data.times ? 1 : this.span / data.low.length;
    const found = data.times ? changeOfSamples(data, from, step) : changeOfColumns(data, Math.floor(from / wide), step);
    return found === null ? null : this.all.first + BigInt(Math.floor(found * wide));
  }

  // Columns do not tell how many changes they hold.
  async count(first, stop, lanes) {
    return lanes.map(lane => {
      const data = this.all.lanes.get(lane);
      return data.times ? String(countChanges(data, this.after(first), this.after(stop))) : null;
    });
  }
}

function openSource() {
  const packed = document.getElementById("regtap-columns");
  if (!packed) return new ServerSource();
  const bytes = Uint8Array.from(atob(packed.textContent.trim()), character => character.charCodeAt(0));
  return new FileSource(JSON.parse(document.getElementById("regtap-info").textContent), bytes.buffer);
}
