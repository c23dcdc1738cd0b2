// A folder of the tree, as far as it is known: how many entries it has, some that follow each other, and the
// folders that are open within it. Rows are counted over all that is open, an open folder's below its own.
import { ask } from "./daemon.js";

// Entries asked at once, and names whose positions are (the daemon gives 200 and 100 at most: sync/summary.py).
const SPAN = 160, SOUGHT_MAX = 100, OPEN_MAX = 90;

export class Folder {
  constructor(path, above = null, name = null, position = 0) {
    Object.assign(this, { path, above, name, position, level: above ? above.level + 1 : 1 });
    this.total = null;
    this.start = 0;
    this.entries = [];
    this.note = null;
    this.open = new Map();
    this.asked = null;
  }

  // One that is empty, or not known yet, has a row that says so.
  get own() { return Math.max(1, this.total ?? 1); }

  get rows() { return this.opened.reduce((sum, one) => sum + one.rows, this.own); }

  get opened() { return [...this.open.values()].sort((one, other) => one.position - other.position); }

  get first() { return this.above ? this.above.rowOf(this.position) + 1 : 0; }

  // Itself and all that are open within it.
  get all() { return [this, ...this.opened.flatMap((one) => one.all)]; }

  entry(position) { return this.entries[position - this.start]; }

  knows(from, to) { return this.total !== null && from >= this.start && Math.min(to, this.total) <= this.start + SPAN; }

  rowOf(position) {
    return this.first + position + this.opened.reduce((sum, one) => (one.position < position ? sum + one.rows : sum), 0);
  }

  // The folder and the position in it of a row of this one, the first of which is 0.
  at(row) {
    let within = 0;
    for (const one of this.opened) {
      const first = one.position + 1 + within, rows = one.rows;
      if (row < first) break;
      if (row < first + rows) return one.at(row - first);
      within += rows;
    }
    return { folder: this, position: row - within };
  }

  isWithin(folder) { return this === folder || Boolean(this.above?.isWithin(folder)); }

  // A folder in it; beyond a bound the one that was opened first is closed.
  openOne(name, position) {
    if (this.open.size >= OPEN_MAX) this.open.delete(this.open.keys().next().value);
    const one = new Folder(`${this.path}/${name}`, this, name, position);
    this.open.set(name, one);
    return one;
  }

  // What the daemon says of what is around some positions, and of where the names sought are now; `take` is to
  // follow. One question at a time: who asks meanwhile gets the answer to that.
  look(from, to, sought = []) {
    const start = Math.max(0, Math.floor((from + to - SPAN) / 2));
    const names = [...new Set([...this.open.keys(), ...sought])].slice(0, SOUGHT_MAX);
    this.asked ??= ask("ls-span", { path: this.path, start, count: SPAN, sought: names }).finally(() => { this.asked = null; });
    return this.asked;
  }

  // Folders that are gone are closed.
  take({ total, start, entries, note, positions }) {
    Object.assign(this, { total, start, entries, note });
    for (const [name, one] of [...this.open]) {
      if (!(name in positions)) continue; // opened after it was asked
      const position = positions[name], entry = position === null ? null : this.entry(position);
      if (position === null || (entry && entry.kind !== "directory")) this.open.delete(name);
      else one.position = position;
    }
  }
}
