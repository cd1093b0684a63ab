// Searches: for changes of the selected lane, and for rows where a condition begins to hold. Cursor A goes there.
"use strict";

const MARGIN = 0.05;  // of the view's width: what lies nearer to its edge, or outside, is moved to its middle

class Search {
  constructor(app) {
    this.app = app;
    this.field = document.getElementById("condition");
    this.field.placeholder = exampleFor(app.state.info.lanes);
    this.field.addEventListener("keydown", event => this.onKey(event));
    this.field.addEventListener("input", () => {
      app.state.condition = this.field.value;
      this.field.removeAttribute("aria-invalid");
      app.changed();
    });
    this.readState();
  }

  readState() { this.field.value = this.app.state.condition; }

  focus() {
    if (this.app.source.isFile) return;
    this.field.focus();
    this.field.select();
  }

  onKey(event) {
    if (event.key === "Enter") this.forCondition(event.shiftKey ? "previous" : "next");
    else if (event.key === "Escape") document.getElementById("scroll").focus();
    else return;
    event.preventDefault();
  }

  forChange(direction) {
    const {info, picked} = this.app.state, {name} = info.lanes[picked];
    return this.go(direction, {lanes: picked}, `${name} changes`, `no ${direction} change of ${name}`);
  }

  // Search the trace of the selected lane.
  async forCondition(direction) {
    const {info, picked} = this.app.state, condition = this.field.value;
    if (!condition.trim()) { this.focus(); return; }
    const words = condition.trim() + (info.traces.length > 1 ? ` in trace ${info.lanes[picked].source + 1}` : "");
    const missing = `no ${direction} row on which this begins to hold: ${words}`;
    await this.go(direction, {lanes: picked, condition}, words, missing);
  }

  async go(direction, sought, found, missing) {
    const {app} = this, {state} = app;
    app.hold();
    app.note("searching …");
    const from = state.a ?? (direction === "next" ? state.first : state.stop);
    const moment = await app.try(() => app.source.search(sought, from, direction), error => this.pointAt(error.column));
    if (moment === undefined) return;
    if (moment === null) { app.note(missing); return; }
    app.note(`${found} at ${formatMoment(moment)}`);
    app.setCursor("a", moment);
    if (state.place(moment) < MARGIN || state.place(moment) > 1 - MARGIN) state.centre(moment);
    app.changed();
  }

  // Show the place of the condition that was not understood; the note says why.
  pointAt(column) {
    if (!column) return;
    this.field.setAttribute("aria-invalid", "true");
    this.field.focus();
    this.field.setSelectionRange(column - 1, this.field.value.length);
  }
}

// A condition that this trace has an answer to.
function exampleFor(lanes) {
  const bit = lanes.find(lane => lane.is_field && lane.bits === 1);
  return bit ? `find ${bit.register}.${bit.name.split(".").pop()} == 1` : `find ${lanes[0].register} changes`;
}
