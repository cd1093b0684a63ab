// Keys, wheel, pointer and touch, turned into changes of the state.
"use strict";

const DRAG_PX = 4, FLAG_PX = 12, STEP = 0.25, ZOOM = 0.7;

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

  onKeys() {
    const {app} = this, {state} = app;
    const keys = {
      w: () => state.zoom(ZOOM, this.place), s: () => state.zoom(1 / ZOOM, this.place),
      a: () => state.pan(-STEP), d: () => state.pan(STEP), f: () => state.showWhole(),
      ArrowLeft: () => state.pan(-STEP), ArrowRight: () => state.pan(STEP),
      1: () => app.setCursor("a", state.timeAt(this.place)), 2: () => app.setCursor("b", state.timeAt(this.place)),
      n: () => app.search("next"), p: () => app.search("previous"), z: () => app.zoomToCursors(),
      l: () => app.toggleFollow(), m: () => app.panel.toggle(), "?": () => document.getElementById("keys").showModal(),
      Escape: () => { state.a = state.b = null; },
    };
    addEventListener("keydown", event => {
      const isTyping = event.target.matches("select, input") || document.getElementById("keys").open;
      const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!act || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if ("wsadfArrowLeftArrowRight".includes(event.key)) app.hold();
      act();
      app.changed();
    });
  }

  onWheel() {
    const {app} = this;
    const wheel = event => {
      const at = this.fraction(event);
      if (at < 0 && event.currentTarget.id === "scroll") return;  // over the names the lanes scroll
      event.preventDefault();
      app.hold();
      const amount = (event.shiftKey ? event.deltaY || event.deltaX : event.deltaY) * (event.deltaMode ? 30 : 1);
      const sideways = event.shiftKey ? amount : event.deltaX;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) app.state.pan(sideways / app.painter.plotWidth);
      else app.state.zoom(Math.exp(Math.max(-1, Math.min(1, amount / 300))), Math.max(0, Math.min(1, at)));
      app.changed();
    };
    for (const id of ["scroll", "top"]) document.getElementById(id).addEventListener("wheel", wheel, {passive: false});
  }

  onLanes() {
    const canvas = document.getElementById("lanes"), {app} = this;
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, {x: event.clientX, y: event.clientY, startX: event.clientX, startY: event.clientY});
    });
    canvas.addEventListener("pointermove", event => {
      this.place = Math.max(0, Math.min(1, this.fraction(event)));
      const pointer = this.pointers.get(event.pointerId);
      if (pointer) this.drag(pointer, event);
      else app.hoverAt(this.place, this.laneAt(event));
    });
    canvas.addEventListener("pointerup", event => {
      const pointer = this.pointers.get(event.pointerId);
      this.pointers.delete(event.pointerId);
      if (pointer && !pointer.moved) this.click(event);
    });
    canvas.addEventListener("pointercancel", event => this.pointers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => { if (!this.pointers.size) app.hoverAt(null); });
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
    app.hoverAt(Math.max(0, Math.min(1, at)), lane);
    app.panel.fill();
    app.changed();
  }

  laneAt(event) {
    const scroll = document.getElementById("scroll");
    const y = event.clientY - scroll.getBoundingClientRect().top + scroll.scrollTop;
    const box = this.app.painter.layout(this.app.state).boxes.find(box => y >= box.top - 4 && y <= box.top + box.height + 2);
    return box ? box.number : null;
  }

  // Drag a cursor's flag, or move the view by the axis.
  onTop() {
    const canvas = document.getElementById("top"), {app} = this;
    let held = null, last = 0;
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId);
      const {state, painter} = app, at = this.fraction(event) * painter.plotWidth;
      const near = ["a", "b"].filter(name => state[name] !== null)
        .map(name => ({name, far: Math.abs(state.place(state[name]) * painter.plotWidth - at)}))
        .sort((one, other) => one.far - other.far)[0];
      held = near && near.far <= FLAG_PX ? near.name : "view";
      last = event.clientX;
    });
    canvas.addEventListener("pointermove", event => {
      if (!held) return;
      if (held === "view") { app.hold(); app.state.pan((last - event.clientX) / app.painter.plotWidth); }
      else app.setCursor(held, app.state.timeAt(Math.max(0, Math.min(1, this.fraction(event)))));
      last = event.clientX;
      app.changed();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
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
