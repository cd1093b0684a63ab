// Keys, wheel, pointer and touch, turned into changes of the state.
"use strict";

const DRAG_PX = 4, FLAG_PX = 12, STEP = 0.25, ZOOM = 0.7, WHEEL_PX = 300, LINE_PX = 30;
const MOVES = new Set(["w", "s", "a", "d", "f", "ArrowLeft", "ArrowRight"]);  // keys that stop following a capture

class Input {
  constructor(app) {
    this.app = app;
    this.pointers = new Map();
    this.place = 0.5;  // of the pointer, as a fraction of the plot
    this.onKeys();
    this.onWheel();
    this.onLanes();
    this.onTop();
    this.onMap();
  }

  fraction(event) {
    const {painter} = this.app, left = document.getElementById("scroll").getBoundingClientRect().left;
    return (event.clientX - left - painter.gutter) / painter.plotWidth;
  }

  get keys() {
    const {app} = this, {state} = app;
    return {
      w: () => state.zoom(ZOOM, this.place), s: () => state.zoom(1 / ZOOM, this.place),
      a: () => state.pan(-STEP), d: () => state.pan(STEP), f: () => state.showWhole(),
      ArrowLeft: () => state.pan(-STEP), ArrowRight: () => state.pan(STEP),
      1: () => app.setCursor("a", state.timeAt(this.place)), 2: () => app.setCursor("b", state.timeAt(this.place)),
      n: () => app.search.forChange("next"), p: () => app.search.forChange("previous"),
      "Shift+n": () => app.search.forCondition("next"), "Shift+p": () => app.search.forCondition("previous"),
      "/": () => app.search.focus(), z: () => app.zoomToCursors(),
      l: () => app.toggleFollow(), m: () => app.panel.toggle(), "?": () => document.getElementById("keys").showModal(),
      Escape: () => { state.a = state.b = null; },
    };
  }

  onKeys() {
    const {app, keys} = this;
    addEventListener("keydown", event => {
      const isTyping = event.target.matches("select, input") || document.getElementById("keys").open;
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = (event.shiftKey && keys[`Shift+${key}`]) || keys[key];
      if (!act) return;
      event.preventDefault();
      if (MOVES.has(key)) app.hold();
      act();
      app.changed();
    });
  }

  onWheel() {
    for (const id of ["scroll", "top"]) {
      document.getElementById(id).addEventListener("wheel", event => this.wheel(event), {passive: false});
    }
  }

  wheel(event) {
    const {app} = this, at = this.fraction(event);
    if (at < 0 && event.currentTarget.id === "scroll") return;  // over the names the lanes scroll
    event.preventDefault();
    app.hold();
    const unit = event.deltaMode ? LINE_PX : 1, across = unit * event.deltaX, down = unit * event.deltaY;
    if (event.shiftKey) app.state.pan((down || across) / app.painter.plotWidth);
    else if (Math.abs(across) > Math.abs(down)) app.state.pan(across / app.painter.plotWidth);
    else app.state.zoom(Math.exp(clamp(down / WHEEL_PX, -1, 1)), clamp(at, 0, 1));
    app.changed();
  }

  onLanes() {
    const canvas = document.getElementById("lanes"), {app, pointers} = this;
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      const x = event.clientX, y = event.clientY;
      pointers.set(event.pointerId, {x, y, startX: x, startY: y, moved: false});
    });
    canvas.addEventListener("pointermove", event => {
      this.place = clamp(this.fraction(event), 0, 1);
      const pointer = pointers.get(event.pointerId);
      if (pointer) this.drag(pointer, event);
      else app.hoverAt(this.place, this.laneAt(event));
      canvas.title = this.fraction(event) < 0 ? app.fullName(this.laneAt(event)) : "";
    });
    canvas.addEventListener("pointerup", event => {
      const pointer = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      if (pointer && !pointer.moved) this.click(event);
    });
    canvas.addEventListener("pointercancel", event => pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => { if (!pointers.size) app.hoverAt(null); });
    document.getElementById("scroll").addEventListener("scroll", () => app.changed());
  }

  drag(pointer, event) {
    const {app} = this, scroll = document.getElementById("scroll");
    const across = event.clientX - pointer.x, down = event.clientY - pointer.y;
    if (Math.hypot(event.clientX - pointer.startX, event.clientY - pointer.startY) > DRAG_PX) pointer.moved = true;
    if (!pointer.moved) return;
    app.hold();
    if (this.pointers.size === 2) this.pinch(pointer, event);
    else if (this.pointers.size === 1) {
      app.state.pan(-across / app.painter.plotWidth);
      scroll.scrollTop -= down;
    }
    Object.assign(pointer, {x: event.clientX, y: event.clientY});
    app.changed();
  }

  pinch(pointer, event) {
    const [other] = [...this.pointers.values()].filter(one => one !== pointer);
    other.moved = true;
    const before = Math.max(20, Math.abs(pointer.x - other.x)), after = Math.max(20, Math.abs(event.clientX - other.x));
    this.app.state.zoom(before / after, this.fraction({clientX: other.x}));
  }

  click(event) {
    const {app} = this, at = this.fraction(event), lane = this.laneAt(event);
    if (lane !== null) app.state.picked = lane;
    if (at >= 0 && at <= 1) app.setCursor(event.shiftKey ? "b" : "a", app.state.timeAt(at));
    app.hoverAt(clamp(at, 0, 1), lane);
    app.panel.fill();
    app.changed();
  }

  laneAt(event) {
    const scroll = document.getElementById("scroll");
    const y = event.clientY - scroll.getBoundingClientRect().top + scroll.scrollTop;
    const {boxes} = this.app.painter.layout(this.app.state);
    return boxes.find(box => y >= box.top - 4 && y <= box.top + box.height + 2)?.number ?? null;
  }

  // Drag a cursor's flag, or move the view by the axis.
  onTop() {
    const canvas = document.getElementById("top"), {app} = this;
    let held = null, last = 0;
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      held = this.flagAt(event) ?? "view";
      last = event.clientX;
    });
    canvas.addEventListener("pointermove", event => {
      if (!held) return;
      if (held === "view") { app.hold(); app.state.pan((last - event.clientX) / app.painter.plotWidth); }
      else app.setCursor(held, app.state.timeAt(clamp(this.fraction(event), 0, 1)));
      last = event.clientX;
      app.changed();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
  }

  // The cursor with its flag under the pointer, "a" or "b".
  flagAt(event) {
    const {state, painter} = this.app, at = this.fraction(event);
    const near = ["a", "b"].filter(name => state[name] !== null)
      .map(name => ({name, far: painter.plotWidth * Math.abs(state.place(state[name]) - at)}))
      .filter(({far}) => far <= FLAG_PX).sort((one, other) => one.far - other.far);
    return near[0]?.name;
  }

  onMap() {
    const canvas = document.getElementById("map"), {app} = this;
    const go = event => {
      const {first, stop} = app.state.whole, box = canvas.getBoundingClientRect();
      app.hold();
      app.state.centre(first + scaledBy(stop - first, (event.clientX - box.left) / box.width));
      app.changed();
    };
    canvas.addEventListener("pointerdown", event => { canvas.setPointerCapture(event.pointerId); go(event); });
    canvas.addEventListener("pointermove", event => { if (event.buttons) go(event); });
  }
}

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
