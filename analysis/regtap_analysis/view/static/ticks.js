// Where axes are labelled, and how: the same places and words as plot/ticks.py, in whole numbers throughout.
"use strict";

const SECOND = 10n ** 9n, MINUTE = 60n * SECOND, HOUR = 60n * MINUTE;
const TIME_UNITS = [
  ["ns", 1n, 2000n], ["µs", 1000n, 2n * 10n ** 6n], ["ms", 10n ** 6n, 2n * 10n ** 9n],
  ["s", SECOND, 3n * MINUTE], ["min", MINUTE, 3n * HOUR], ["h", HOUR, 2n ** 63n],
];
const SIXTIES = [15n, 30n, 60n, 120n, 300n, 600n, 900n, 1800n, 3600n].map(seconds => seconds * SECOND)
  .concat([2n, 4n, 6n, 12n, 24n].map(hours => hours * HOUR));
const SUFFIXES = [[18n, "E"], [15n, "P"], [12n, "T"], [9n, "G"], [6n, "M"], [3n, "k"], [0n, ""]]
  .map(([power, suffix]) => [10n ** power, suffix]);
const LONGEST_LABEL = 7;

const magnitude = value => value < 0n ? -value : value;
const floorDiv = (value, by) => value / by - (value % by < 0n ? 1n : 0n);
const ceilDiv = (value, by) => -floorDiv(-value, by);

// The smallest of 1, 2, 5, 10, 20, ... that goes into the span less than `most` times.
function niceStep(span, most) {
  for (let power = 1n; ; power *= 10n) {
    for (const digit of [1n, 2n, 5n]) if (span / (digit * power) < most) return digit * power;
  }
}

function timeStep(span, most) {
  if (span < 3n * MINUTE) return niceStep(span, most);
  return SIXTIES.find(step => span / step < most) ?? niceStep(span / HOUR, most) * HOUR;
}

// value / unit with as many decimals as multiples of step need.
function decimal(value, unit, step) {
  let decimals = 0;
  while (step * 10n ** BigInt(decimals) % unit) decimals += 1;
  const scaled = floorDiv(value * 10n ** BigInt(decimals), unit);
  const digits = String(magnitude(scaled)).padStart(decimals + 1, "0");
  const sign = scaled < 0n ? "-" : "";
  return decimals ? `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}` : sign + digits;
}

const trimmed = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;

function exactTime(moment) {
  const [unit, size] = TIME_UNITS.slice(0, 4).reverse().find(([, size]) => magnitude(moment) >= size) ?? TIME_UNITS[0];
  return `${trimmed(decimal(moment, size, 1n))} ${unit}`;
}

function inUnit(time, unit, step) {
  if (unit % 3n) return decimal(time, unit, step);
  return trimmed((Number(time) / Number(unit)).toFixed(3));
}

// Ticks [[time, label]] for a stretch of time, labels that name unit and origin, in full and short, and the unit.
function timeAxis(first, stop, most, zero = "start") {
  const span = stop - first;
  const [unit, size] = TIME_UNITS.find(([name, , longest]) => span <= longest || name === "h");
  const step = timeStep(span, BigInt(most));
  const start = ceilDiv(first, step) * step;
  const origin = start && magnitude(start) / step > 10000n ? start : 0n;
  const ticks = [];
  for (let place = start; place <= stop; place += step) ticks.push([place, inUnit(place - origin, size, step)]);
  const since = origin ? `after ${exactTime(origin)}` : `since ${zero}`;
  const short = origin || zero === "start" ? `time (${unit})` : `${since} (${unit})`;
  return {ticks, labels: [`time ${since} (${unit})`, short], unit};
}

function engineering(places, step) {
  const largest = places.length ? places[places.length - 1] : 0n;
  if (largest < 10n ** 4n) return places.map(String);
  const [unit, suffix] = SUFFIXES.find(([unit]) => largest >= unit);
  return places.map(place => place ? `${decimal(place, unit, step)} ${suffix}`.trimEnd() : "0");
}

function powerLabel(value, bits) {
  if (bits <= 32 || !value) return value ? `0x${value.toString(16)}` : "0";
  const power = String((value + 1n).toString(2).length - 1).replace(/./g, digit => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  return (value & (value - 1n)) === 0n ? `2${power}` : `2${power}-1`;
}

function wholeRange(low, high, bits) {
  const far = (high - low) / 20n;
  return [0n, 2n ** BigInt(bits - 1), 2n ** BigInt(bits) - 1n].filter(value => {
    const inside = value < low ? low : value > high ? high : value;
    return value === inside || magnitude(value - inside) < far;
  }).map(value => [value, powerLabel(value, bits)]);
}

// Ticks [[value, label]] for values from low to high; see value_axis in plot/ticks.py.
function valueAxis(low, high, bits, most, asHex) {
  const hex = value => [value, `0x${value.toString(16)}`];
  if (low === high) return [hex(low)];
  if (asHex) return [hex(low), hex(high)];
  if (bits >= 8 && high - low > 2n ** BigInt(bits - 1)) return wholeRange(low, high, bits);
  const step = niceStep(high - low, BigInt(most)), margin = (high - low) / 20n;
  const places = [];
  for (let place = -floorDiv(margin - low, step) * step; place <= high + margin; place += step) places.push(place);
  const labels = engineering(places, step);
  if (labels.length && Math.max(...labels.map(label => label.length)) <= LONGEST_LABEL) {
    return places.map((place, k) => [place, labels[k]]);
  }
  const above = [];
  for (let place = step; place <= high - low; place += step) above.push(place);
  const texts = engineering(above, step);
  const base = low < 10n ** 12n ? String(low).replace(/\B(?=(\d{3})+$)/g, ",") : `0x${low.toString(16)}`;
  return [[low, base], ...above.map((place, k) => [low + place, `+${texts[k]}`])];
}

// A span to four digits with its unit, for people.
function formatSpan(span) {
  if (span < 0n) return `-${formatSpan(-span)}`;
  const [unit, size] = TIME_UNITS.slice(0, 4).reverse().find(([, size]) => span >= size) ?? TIME_UNITS[0];
  return `${Number((Number(span) / Number(size)).toPrecision(6))} ${unit}`;
}

function formatRate(hertz) {
  const [size, prefix] = [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]].find(([size]) => hertz >= size) ?? [1, ""];
  return `${Number((hertz / size).toPrecision(6))} ${prefix}Hz`;
}

// A moment in seconds with every nanosecond: 1.234 567 891 s.
function formatMoment(moment) {
  const text = decimal(moment, SECOND, 1n), [whole, fraction] = text.split(".");
  return `${whole}.${fraction.replace(/(...)(?=.)/g, "$1 ")} s`;
}
