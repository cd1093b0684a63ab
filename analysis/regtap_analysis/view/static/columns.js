// Lanes as the painter takes them: samples (times, values, whether a gap lies before the next), or columns (low, high,
// last, state).
"use strict";

const ARRAYS = {
  uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, uint64: BigUint64Array,
  float32: Float32Array, float64: Float64Array,
};
const MIXED = 2;  // the state of a column whose bounds only enclose its samples; 1: bounds are exact; 0: no samples
const MOST_STRIPES = 60, STRENGTHS = 8;

// The arrays of an answer; view/columns.py has the layout.
function unpack(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const array = ([at, type, length]) => new ARRAYS[type](buffer, 4 + size + at, length);
  const lanes = new Map(head.lanes.map(entry => {
    const arrays = Object.fromEntries(Object.entries(entry.arrays).map(([name, place]) => [name, array(place)]));
    return [entry.lane, {rows: entry.rows, ...arrays}];
  }));
  const gaps = head.gaps.map(gap => ({...gap, density: array(gap.density), breaks: array(gap.breaks)}));
  return {first: BigInt(head.first), stop: BigInt(head.stop), lanes, gaps};
}

// Columns that are filled from samples, or from finer columns.
class Columns {
  constructor(count, data) {
    const Values = (data.values ?? data.low).constructor;
    this.rows = data.rows;
    this.low = new Values(count);
    this.high = new Values(count);
    this.last = new Values(count);
    this.state = new Uint8Array(count);
  }

  add(column, low, high, last, state) {
    if (!this.state[column] || low < this.low[column]) this.low[column] = low;
    if (!this.state[column] || high > this.high[column]) this.high[column] = high;
    this.last[column] = last;
    this.state[column] = Math.max(this.state[column], state);
  }
}

// For each column of a view the first and the last of `count` finer ones, which cover `span` ns; outside of them none.
function finePlaces(count, span, {from, width, columns}) {
  const scale = count / span, places = [];
  for (let column = 0; column < columns; column += 1) {
    const first = Math.floor((from + width * column / columns) * scale);
    const last = Math.max(first, Math.ceil((from + width * (column + 1) / columns) * scale) - 1);
    places.push([Math.max(0, first), Math.min(last, count - 1)]);
  }
  return places;
}

function reduceColumns(data, places) {
  const out = new Columns(places.length, data);
  places.forEach(([first, last], column) => {
    const shared = column && places[column - 1][1] === first ? first : -1;  // its samples may lie in either
    for (let k = first; k <= last; k += 1) {
      if (!data.state[k]) continue;
      const state = k === shared && data.low[k] !== data.high[k] ? MIXED : data.state[k];
      out.add(column, data.low[k], data.high[k], data.last[k], state);
    }
  });
  return out;
}

function reduceDensity(density, places) {
  return Float32Array.from(places, ([first, last]) => {
    let most = 0;
    for (let k = first; k <= last; k += 1) most = Math.max(most, density[k]);
    return most;
  });
}

// How strongly lanes are shaded in each column, as in plot/spans.py: so many stripes that lanes would drown in them are
// only as strong as the gaps are dense.
function shadesOf(density) {
  const stretches = density.reduce((sum, share, k) => sum + (share > 0 && !(density[k - 1] > 0)), 0);
  if (stretches <= MOST_STRIPES) return density.map(share => share > 0 ? 1 : 0);
  return density.map(share => Math.ceil(Math.min(share, 1) * STRENGTHS) / STRENGTHS);
}

// The samples of a view, and one on either side; too many for its columns become columns.
function cutSamples(data, {from, width, columns}) {
  const first = Math.max(0, upperBound(data.times, from) - 1);
  const stop = Math.min(data.times.length, upperBound(data.times, from + width) + 1);
  if (stop - first <= columns) {
    const times = data.times.slice(first, stop).map(time => time - from);
    return {rows: data.rows, times, values: data.values.slice(first, stop), broken: data.broken.slice(first, stop)};
  }
  const out = new Columns(columns, data);
  for (let row = first; row < stop; row += 1) {
    const column = Math.floor((data.times[row] - from) * columns / width), value = data.values[row];
    if (column >= 0 && column < columns) out.add(column, value, value, value, 1);
  }
  return out;
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

// The time of the next (step 1) or previous (-1) sample that differs from the one before it, or null.
function changeOfSamples({times, values}, from, step) {
  const start = step > 0 ? Math.max(1, upperBound(times, from)) : upperBound(times, from - 1) - 1;
  for (let k = start; k >= 1 && k < times.length; k += step) if (values[k] !== values[k - 1]) return times[k];
  return null;
}

// The next or previous column with a change in it, or between it and the column before that has samples; or null.
function changeOfColumns({low, high, last, state}, from, step) {
  for (let k = from + step; k >= 0 && k < low.length; k += step) {
    if (!state[k]) continue;
    let before = k - 1;
    while (before >= 0 && !state[before]) before -= 1;
    if (low[k] !== high[k] || (before >= 0 && low[k] !== last[before])) return k;
  }
  return null;
}

function countChanges({times, values}, first, stop) {
  let changes = 0;
  const end = upperBound(times, stop);
  for (let k = Math.max(upperBound(times, first), 1); k < end; k += 1) changes += values[k] !== values[k - 1];
  return changes;
}
