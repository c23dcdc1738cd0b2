// The files of an arena as a treegrid. However many a folder has, only the rows that are seen are in the document,
// and the one that the keyboard is on, wherever it is scrolled to; what they show is asked for as they come into sight.
// `y` is how far down the rows one looks, in pixels; more of them than a browser scrolls over are scrolled faster.
import { make, shown, size } from "./daemon.js";
import { Deeds } from "./deeds.js";
import { Folder } from "./folder.js";

// Rows beyond the edges; folders that are asked again in a round; pixels that all browsers can scroll over.
const OVER = 8, UPDATED_MAX = 12;
export const limits = { tall: 8_000_000 };
const KEYS = { o: "own", k: "keep", w: "watch", i: null };

export class Tree {
  constructor(table) {
    this.table = table;
    this.body = table.tBodies[0];
    this.box = table.parentElement;
    this.deeds = new Deeds(() => this.update());
    [this.above, this.below] = [space(), space()];
    [this.elements, this.nodes] = [new Map(), new WeakMap()];
    [this.root, this.selected, this.turn] = [null, null, 0];
    [this.y, this.scrolled, this.height] = [0, 0, 32];
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("focusin", (event) => this.came(event.target.closest("tr")));
    this.box.addEventListener("scroll", () => this.scroll());
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  async show(root) {
    this.root = new Folder(root);
    this.selected = { folder: this.root, position: 0, entry: null };
    [this.y, this.elements] = [0, new Map()];
    this.draw();
    await this.load(this.root).catch(() => null);
  }

  // -- what is seen

  get view() { return Math.max(this.height, this.box.clientHeight - this.table.tHead.offsetHeight); }

  // How many times faster than the box the rows are scrolled.
  get ratio() {
    const whole = this.root.rows * this.height, tall = Math.min(whole, limits.tall);
    return tall > this.view ? (whole - this.view) / (tall - this.view) : 1;
  }

  get window() {
    const over = this.ratio > 1 ? 0 : OVER;
    return [Math.max(0, Math.floor(this.y / this.height) - over), Math.min(this.root.rows, Math.ceil((this.y + this.view) / this.height) + over)];
  }

  // The folders of which something is seen, with the first and last position.
  seen() {
    const [first, end] = this.window, found = new Map();
    for (let row = first; row < end; row += 1) {
      const { folder, position } = this.root.at(row);
      found.set(folder, [found.get(folder)?.[0] ?? position, position + 1]);
    }
    return found;
  }

  scroll() {
    if (this.root && this.heed()) this.draw();
  }

  // Whether the person has scrolled, which is told of late: looked for before anything is placed anew.
  heed() {
    const isScrolled = Math.abs(this.box.scrollTop - this.scrolled) >= 1;
    if (isScrolled) [this.y, this.scrolled] = [this.box.scrollTop * this.ratio, this.box.scrollTop];
    return isScrolled;
  }

  draw() {
    if (!this.root) return;
    this.y = Math.min(Math.max(0, this.y), Math.max(0, this.root.rows * this.height - this.view));
    const [first, end] = this.window, chosen = this.row(this.selected);
    const rows = Array.from({ length: end - first }, (_, number) => this.element(first + number));
    const [early, late] = [chosen < first, chosen >= end].map((is) => (is ? [this.element(chosen)] : []));
    const ratio = this.ratio, whole = Math.min(this.root.rows * this.height, limits.tall);
    const before = ratio > 1 ? this.y / ratio : first * this.height;
    this.above.firstChild.style.height = `${Math.max(0, before - early.length * this.height)}px`;
    this.below.firstChild.style.height = `${Math.max(0, whole - before - (rows.length + late.length) * this.height)}px`;
    this.put([...early, this.above, ...rows, this.below, ...late]);
    this.table.setAttribute("aria-rowcount", this.root.rows + 1);
    this.box.scrollTop = this.y / ratio;
    this.scrolled = this.box.scrollTop;
    this.measure(rows[0]);
    for (const [folder, [from, to]] of this.seen()) if (!folder.knows(from, to)) this.load(folder).catch(() => null);
  }

  // The body's rows are to be these. What has the focus stays where it is in the document, and the others come
  // around it: it would lose the focus otherwise.
  put(wanted) {
    const had = this.body.contains(document.activeElement), kept = new Set(wanted);
    for (const one of [...this.body.children]) if (!kept.has(one)) one.remove();
    this.elements = new Map(wanted.filter((one) => this.nodes.has(one)).map((one) => [this.nodes.get(one).key, one]));
    const at = Math.max(0, wanted.findIndex((one) => one.contains(document.activeElement)));
    if (!wanted[at].isConnected) this.body.prepend(wanted[at]);
    for (let i = at - 1; i >= 0; i -= 1) if (wanted[i].nextSibling !== wanted[i + 1]) wanted[i + 1].before(wanted[i]);
    for (let i = at + 1; i < wanted.length; i += 1) if (wanted[i - 1].nextSibling !== wanted[i]) wanted[i - 1].after(wanted[i]);
    if (had && !this.body.contains(document.activeElement)) this.body.querySelector('tr[tabindex="0"]').focus({ preventScroll: true });
  }

  // Rows are all equally high; how high is the browser's business.
  measure(row) {
    const height = row?.getBoundingClientRect().height;
    if (!height || Math.abs(height - this.height) < 0.1) return;
    this.y *= height / this.height;
    this.height = height;
    this.draw();
  }

  // -- rows

  row(place) { return place.folder.rowOf(place.position); }

  isChosen(folder, position) { return this.selected.folder === folder && this.selected.position === position; }

  element(row) {
    const { folder, position } = this.root.at(row), isChosen = this.isChosen(folder, position);
    const entry = folder.entry(position) ?? (isChosen ? this.selected.entry : null);
    const unknown = `${folder.path}//${position}`, key = entry ? `${folder.path}/${entry.name}/${entry.kind}` : unknown;
    const element = this.elements.get(key) ?? this.elements.get(unknown) ?? blank();
    this.elements.delete(unknown);
    this.elements.set(key, element);
    const node = { ...this.nodes.get(element), folder, position, entry, key, path: entry ? `${folder.path}/${entry.name}` : null };
    this.nodes.set(element, node);
    const open = entry?.kind === "directory" ? String(folder.open.has(entry.name)) : null;
    set(element, { "aria-rowindex": row + 2, "aria-level": folder.level, "aria-setsize": folder.own, "aria-posinset": position + 1,
      "aria-expanded": open, "aria-selected": isChosen ? "true" : null, tabindex: isChosen ? "0" : "-1" });
    this.fill(element, node);
    return element;
  }

  // What may change of an entry, in its row; the row itself stays, and with it the focus.
  fill(element, node) {
    const { entry, folder } = node, shape = entry ? `${entry.name}\0${entry.kind} ${entry.status} ${entry.size} ${entry.mark}` : `//${folder.total} ${folder.note}`;
    if (node.shape === shape) return;
    const isNew = node.shape === undefined || node.shape.startsWith("//");
    node.shape = shape;
    const [name, state, bytes, marks] = element.cells;
    const isFolder = entry?.kind === "directory";
    if (!entry) {
      name.replaceChildren(folder.total === 0 ? shown(folder.note ?? "Nothing is in it.") : "…");
      for (const cell of [state, bytes, marks]) cell.replaceChildren();
    } else if (isNew) {
      const text = `${shown(entry.name)}${isFolder ? "/" : entry.kind === "symlink" ? " @" : ""}`;
      name.replaceChildren(make("span", { class: "opener", "aria-hidden": "true" }, isFolder ? "›" : ""), text);
      set(name, { title: text });
      marks.replaceChildren(this.marker(element, entry));
    }
    name.style.paddingLeft = `${0.7 + (folder.level - 1) * 1.3 + (entry ? 0 : 1.1)}rem`;
    if (!entry) return;
    const marker = marks.firstChild;
    if (marker !== document.activeElement) marker.value = entry.mark;
    if (isFolder) return;
    state.replaceChildren(make("span", { class: `dot ${entry.status.split(" ")[0]}`, "aria-hidden": "true" }), entry.status);
    bytes.textContent = size(entry.size);
  }

  marker(element, entry) {
    const chosen = make("select", { tabindex: "-1", "aria-label": `Mark of ${shown(entry.name)}` },
      ...["own", "keep", "watch", "inherit"].map((mark) => make("option", { value: mark }, mark)));
    chosen.value = entry.mark;
    chosen.addEventListener("change", () => this.mark(this.nodes.get(element), chosen.value === "inherit" ? null : chosen.value));
    return chosen;
  }

  // -- what is known

  // Asks for what is seen of a folder, and shows it.
  async load(folder) {
    const [from, to] = this.seen().get(folder) ?? [folder.start, folder.start];
    const names = [this.top, this.selected].filter((one) => one.folder === folder && one.entry).map((one) => one.entry.name);
    const said = await folder.look(from, to, names);
    if (folder.isWithin(this.root)) this.take(folder, said);
  }

  get top() {
    const { folder, position } = this.root.at(Math.floor(this.y / this.height));
    return { folder, position, entry: folder.entry(position) };
  }

  // What is at the top, and what is selected, stay that though others come or go before them.
  take(folder, said) {
    this.heed();
    const top = this.top, chosen = this.selected, before = this.row(top);
    folder.take(said);
    const now = (one) => (one.folder === folder && one.entry ? said.positions[one.entry.name] : undefined);
    const row = top.folder.rowOf(now(top) ?? Math.min(top.position, top.folder.own - 1));
    if (this.y > 0) this.y += (row - before) * this.height;
    this.follow(chosen, now(chosen));
    this.draw();
  }

  // The selected one is at another place now (undefined: that isn't known, null: it is gone); where it is gone, or
  // its folder is closed, what has its place is selected.
  follow({ folder, position, entry }, now) {
    position = now ?? Math.min(position, folder.own - 1);
    if (now === null) entry = null;
    for (let at = folder; at.above; at = at.above) {
      if (at.above.open.get(at.name) !== at) [folder, position, entry] = [at.above, Math.min(at.position, at.above.own - 1), null];
    }
    this.selected = { folder, position, entry: folder.entry(position) ?? entry };
  }

  // Asks again for what is seen, and for some of the folders that are open elsewhere.
  async update() {
    if (!this.root) return;
    const seen = [...this.seen().keys()], others = this.root.all.filter((one) => !seen.includes(one));
    const turn = others.length ? this.turn % others.length : 0;
    this.turn += UPDATED_MAX;
    for (const folder of [...seen, ...others.slice(turn), ...others.slice(0, turn)].slice(0, UPDATED_MAX)) await this.load(folder).catch(() => null);
  }

  // -- walking

  // Selects a row, as far as there is one, and brings it into sight.
  select(row, isFocused = true) {
    const { folder, position } = this.root.at(Math.min(Math.max(0, row), this.root.rows - 1));
    this.selected = { folder, position, entry: folder.entry(position) ?? null };
    this.reveal();
    if (isFocused) this.focus();
  }

  reveal() {
    this.heed();
    const top = this.row(this.selected) * this.height;
    this.y = Math.max(top + this.height - this.view, Math.min(this.y, top));
    this.draw();
  }

  focus() {
    const element = this.body.querySelector('tr[tabindex="0"]');
    element.focus({ preventScroll: true });
    element.scrollIntoView({ block: "nearest" });
  }

  // The focus came to a row, which may be one that was scrolled out of sight.
  came(element) {
    const node = this.nodes.get(element), [first, end] = this.window;
    if (!node) return;
    if (!this.isChosen(node.folder, node.position)) this.select(node.folder.rowOf(node.position), false);
    else if (this.row(node) < first || this.row(node) >= end) this.reveal();
  }

  async toggle(row, isWanted) {
    const { folder, position } = this.root.at(row), entry = folder.entry(position);
    if (entry?.kind !== "directory") return;
    const open = folder.open.get(entry.name);
    if (isWanted === Boolean(open)) return;
    this.heed();
    if (open) {
      folder.open.delete(entry.name);
      this.follow(this.selected);
      this.draw();
      return;
    }
    const opened = folder.openOne(entry.name, position);
    this.draw();
    await this.load(opened).catch(() => null);
  }

  click(event) {
    const node = this.nodes.get(event.target.closest("tr"));
    if (!node || event.target.closest("select")) return;
    this.select(this.row(node));
    this.toggle(this.row(node));
  }

  key(event) {
    if (event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const { folder, position, entry } = this.selected, row = this.row(this.selected), page = Math.max(1, Math.floor(this.view / this.height) - 1);
    const open = entry && folder.open.has(entry.name), node = entry && { folder, position, entry, path: `${folder.path}/${entry.name}` };
    const moves = { ArrowDown: () => this.select(row + 1), ArrowUp: () => this.select(row - 1),
      Home: () => this.select(0), End: () => this.select(this.root.rows - 1),
      PageDown: () => this.select(row + page), PageUp: () => this.select(row - page),
      ArrowRight: () => (open ? this.select(row + 1) : this.toggle(row, true)),
      ArrowLeft: () => (open ? this.toggle(row, false) : folder.above && this.select(folder.first - 1)),
      Enter: () => this.toggle(row), " ": () => this.toggle(row) };
    const asked = { f: () => this.carryOut("fetch"), u: () => this.carryOut("evict"), "?": () => this.why() };
    const letter = event.key.toLowerCase();
    if (event.key in moves) moves[event.key]();
    else if (node && letter in asked) asked[letter]();
    else if (node && letter in KEYS) this.mark(node, KEYS[letter]);
    else return;
    event.preventDefault();
  }

  // -- doing

  get chosen() {
    const { folder, entry } = this.selected ?? {};
    return entry ? { entry, path: `${folder.path}/${entry.name}` } : null;
  }

  async mark(node, mark) {
    await this.deeds.mark(node, mark);
    const element = this.elements.get(`${node.folder.path}/${node.entry.name}/${node.entry.kind}`);
    if (element) element.cells[3].firstChild.value = this.nodes.get(element).entry.mark;
    this.focus();
    await this.update();
  }

  async carryOut(command) { if (this.chosen) await this.deeds.carryOut(this.chosen, command); }

  async why() { if (this.chosen) await this.deeds.why(this.chosen); }

  stop() { this.deeds.stop(); }
}

function blank() {
  return make("tr", { role: "row" }, ...Array.from({ length: 4 }, () => make("td", { role: "gridcell" })));
}

function space() {
  return make("tr", { role: "presentation", "aria-hidden": "true", class: "space" }, make("td"));
}

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
}
