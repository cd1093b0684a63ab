// The page: asks for what the state shows, and paints it; every change goes through changed().
"use strict";

const ROUGH = 1, EXACT = 2, MAP_COLUMNS = 600, LIVE_MS = 1000, STILL_MS = 250;
const FRAGMENT_MS = 300, COUNT_MS = 120, AROUND_PX = 400;

class App {
  constructor(source, info) {
    this.source = source;
    this.state = new State(info);
    this.state.fromFragment(location.hash.slice(1));
    this.painter = new Painter();
    this.panel = new Panel(this);
    this.search = new Search(this);
    this.input = new Input(this);
    document.body.classList.toggle("is-file", source.isFile);
    this.shown = this.overview = this.hover = this.changes = null;
    this.asked = this.version = "";
    this.frame = 0;
    this.frames = 0;
    this.answers = 0;
    this.describe();
    this.wire();
  }

  describe() {
    const {traces} = this.state.info;
    document.title = `${traces.map(trace => trace.name).join(", ")} · regtap view`;
    document.getElementById("heading").replaceChildren(...traces.flatMap((trace, k) => this.heading(trace, k)));
    document.getElementById("follow").hidden = !this.state.info.live;
    this.note(this.state.info.note ?? "? for keys");
  }

  // Title and facts of a trace.
  heading(trace, source) {
    const title = document.createElement("h1"), facts = document.createElement("p"), {zero} = this.state.info;
    title.textContent = title.title = this.state.ofSource(source, trace.title);
    facts.className = "facts";
    const from = zero && source === 0 ? ` · times count from the mark ${zero}` : "";
    facts.title = `${trace.facts} · start ${trace.start}${from}`;
    facts.textContent = facts.title.replaceAll("-", "\u2011");  // a line does not break in a date
    return [title, facts];
  }

  wire() {
    this.wireButtons();
    const {state} = this, format = document.getElementById("format");
    format.value = state.format;
    format.addEventListener("change", () => { state.format = format.value; this.changed(); });
    new ResizeObserver(() => this.changed()).observe(document.getElementById("scroll"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.painter.readTheme();
      this.changed();
    });
    addEventListener("hashchange", () => {
      state.fromFragment(location.hash.slice(1));
      this.search.readState();
      this.changed();
    });
  }

  wireButtons() {
    const {state, search} = this, zoom = factor => { this.hold(); state.zoom(factor, 0.5); };
    const acts = {
      "zoom-in": () => zoom(ZOOM), "zoom-out": () => zoom(1 / ZOOM), fit: () => state.showWhole(),
      next: () => search.forChange("next"), previous: () => search.forChange("previous"),
      "find-next": () => search.forCondition("next"), "find-previous": () => search.forCondition("previous"),
      "place-a": () => this.setCursor("a", state.timeAt(1 / 3)),
      "place-b": () => this.setCursor("b", state.timeAt(2 / 3)),
      follow: () => this.toggleFollow(), side: () => this.panel.toggle(),
      help: () => document.getElementById("keys").showModal(),
    };
    for (const [id, act] of Object.entries(acts)) {
      document.getElementById(id).addEventListener("click", () => { act(); this.changed(); });
    }
  }

  async start() {
    this.changed();
    this.loadMap();
    this.count();
    if (this.state.info.live && !this.source.isFile) setTimeout(() => this.lookAgain(), LIVE_MS);
  }

  // Paint with the next frame, ask for what is missing, and keep the address up to date.
  changed() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.paint());
    clearTimeout(this.fragment);
    this.fragment = setTimeout(() => history.replaceState(null, "", `#${this.state.toFragment()}`), FRAGMENT_MS);
  }

  paint() {
    this.frame = 0;
    this.frames += 1;
    const {state, painter} = this;
    painter.paintTop(state, this.shown);
    painter.paintLanes(state, this.shown, this.hover);
    painter.paintMap(state, this.overview);
    writeReadout(state, this.hover);
    writeCursors(state, this.changes);
    document.getElementById("follow").setAttribute("aria-pressed", String(state.follows));
    this.load();
  }

  // The lanes near the visible ones.
  get wanted() {
    const scroll = document.getElementById("scroll"), {boxes} = this.painter.layout(this.state);
    const top = scroll.scrollTop - AROUND_PX, bottom = scroll.scrollTop + scroll.clientHeight + AROUND_PX;
    return boxes.filter(box => box.top + box.height > top && box.top < bottom).map(box => box.number);
  }

  async load() {
    const {state} = this, lanes = this.wanted, columns = this.painter.plotWidth;
    const view = {first: state.first, stop: state.stop};
    const key = `${view.first} ${view.stop} ${columns} ${lanes} ${this.version}`;
    if (key === this.asked || !lanes.length) return;
    this.asked = key;
    clearTimeout(this.still);
    const answer = await this.try(() => this.source.lanes("lanes", view, columns, lanes, ROUGH));
    if (!answer || this.asked !== key) return;
    this.take(answer);
    const isMixed = [...answer.lanes.values()].some(data => data.state?.includes(MIXED));
    if (isMixed && !this.source.isFile) this.still = setTimeout(() => this.refine(key, view, columns, lanes), STILL_MS);
  }

  async refine(key, view, columns, lanes) {
    const answer = await this.try(() => this.source.lanes("lanes", view, columns, lanes, EXACT));
    if (answer && this.asked === key) this.take(answer);
  }

  take(answer) {
    this.shown = answer;
    this.answers += 1;
    document.body.dataset.answers = this.answers;  // tests wait for it
    this.changed();
  }

  async loadMap() {
    const {info} = this.state, view = {first: BigInt(info.first), stop: BigInt(info.stop)};
    const lane = info.lanes.findIndex(one => one.kind === "analogue");
    const found = await this.try(() => this.source.lanes("map", view, MAP_COLUMNS, [Math.max(lane, 0)], ROUGH));
    this.overview = found ?? this.overview;
    this.changed();
  }

  // Undefined where a later question has cancelled this one; what else goes wrong is said.
  async try(act, onError = () => {}) {
    try { return await act(); } catch (error) {
      if (error.name !== "AbortError") {
        this.note(error.message || String(error));
        onError(error);
      }
      return undefined;
    }
  }

  note(text) { document.getElementById("note").textContent = text; }

  // Of a lane: its name may be cut beside it; nothing where there is none.
  fullName(number) {
    const lane = this.state.info.lanes[number];
    if (!lane) return "";
    const isShort = lane.is_field && !lane.name.startsWith(`${lane.register}.`);
    return this.state.ofSource(lane.source, `${isShort ? `${lane.register}.` : ""}${lane.name} ${lane.where}`);
  }

  hoverAt(place, lane = null) {
    if (place === null) { this.hover = null; this.changed(); return; }
    const time = this.state.timeAt(place), samples = this.hover?.samples;
    this.hover = {time, lane, samples};
    this.changed();
    this.readAt(time);
  }

  async readAt(time) {
    const lanes = this.wanted;
    const found = await this.try(() => this.source.at(time, lanes));
    if (!found || this.hover?.time !== time) return;
    this.hover = {...this.hover, samples: new Map(lanes.map((lane, k) => [lane, found[k]]))};
    this.changed();
  }

  setCursor(name, time) {
    this.state[name] = time;
    this.changes = null;
    clearTimeout(this.counting);
    this.counting = setTimeout(() => this.count(), COUNT_MS);
    this.changed();
  }

  async count() {
    const {state} = this, {a, b, picked} = state;
    if (a === null || b === null) return;
    const [first, stop] = a < b ? [a, b] : [b, a];
    const found = await this.try(() => this.source.count(first, stop, [picked]));
    if (!found || state.a !== a || state.b !== b) return;
    const changes = found[0] === "1" ? "1 change" : `${found[0]} changes`;
    this.changes = {lane: picked, text: found[0] === null ? "changes are not in this file" : changes};
    this.changed();
  }

  jump(time) { this.hold(); this.state.centre(time); this.setCursor("a", time); }

  jumpTo(first, stop) {
    this.hold();
    const around = (stop - first) * 2n + 100n;
    this.state.show(first - around, stop + around);
    this.changed();
  }

  zoomToCursors() {
    const {state} = this;
    if (state.a === null || state.b === null) return;
    const [first, stop] = state.a < state.b ? [state.a, state.b] : [state.b, state.a];
    this.hold();
    state.show(first - (stop - first) / 20n, stop + (stop - first) / 20n + 1n);
  }

  // The user looks at something: the view stays there.
  hold() { this.state.follows = false; }

  toggleFollow() {
    this.state.follows = !this.state.follows && this.state.info.live;
    if (this.state.follows) this.toEnd(this.state.whole);
  }

  toEnd(before) {
    const {state} = this, isWhole = state.first <= before.first && state.stop >= before.stop;
    if (isWhole) state.showWhole(); else state.show(state.whole.stop - state.span, state.whole.stop);
  }

  // A capture that goes on has more parts now and then.
  async lookAgain() {
    const before = this.state.whole, info = await this.try(() => this.source.info());
    if (info && (info.stop !== this.state.info.stop || info.live !== this.state.info.live)) {
      this.state.info = info;
      this.version = info.stop;
      if (this.state.follows) this.toEnd(before);
      this.describe();
      this.panel.fill();
      this.loadMap();
      this.changed();
    }
    if (!info || info.live) setTimeout(() => this.lookAgain(), LIVE_MS);
  }
}

async function begin() {
  const source = openSource();
  try {
    globalThis.app = new App(source, await source.info());
    await globalThis.app.start();
  } catch (error) {
    document.getElementById("note").textContent = `cannot show this: ${error.message}`;
    throw error;
  }
}

begin();
