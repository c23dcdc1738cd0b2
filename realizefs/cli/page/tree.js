// The files of an arena as a treegrid: folders are asked for when they are opened, a page at a time.
import { ask, attempt, confirmed, count, make, shown, size } from "./daemon.js";

// Entries of a whole page of the daemon's (sync/summary.py); fewer are the last ones.
const PAGE = 500, UPDATED_MAX = 12;
const KEYS = { o: "own", k: "keep", w: "watch", i: null };
const SAID = {
  real_fetched: "would be fetched, and become plain files here", real_here: "are cached here, and would become plain files",
  cached: "would be fetched into the cache, and stay there", leaves: "would leave the arena root; other machines have them",
  stays: "would stay plain files, since not enough others own them", loosened: "would no longer be kept when the cache is full",
};

const capital = (text) => text[0].toUpperCase() + text.slice(1);

function outcome(command, name, done) {
  const what = command === "fetch" ? "Nothing of it had to be fetched" : "Nothing of it was in the cache";
  const moved = done.files ? `${count(done.files, "file")}, ${size(done.bytes)}, ${command === "fetch" ? "fetched" : "freed"}` : what;
  const why = done.failures.map((one) => `${shown(one.path)}: ${shown(one.why)}`).join("; ");
  return `${shown(name)}: ${moved}${done.failed ? `; ${count(done.failed, "file")} not: ${why}` : ""}.`.replace(/\.\.$/, ".");
}

export class Tree {
  constructor(table) {
    this.body = table.tBodies[0];
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.nodes = new WeakMap();
    this.doing = null;
  }

  // The row that the keyboard is on, or was on last.
  get selected() { return this.body.querySelector('tr[tabindex="0"]'); }

  async show(root) {
    this.root = root;
    this.body.replaceChildren();
    await this.list(null, root, 0, "");
  }

  // The next page of a folder below its row (null: the root), before `before`.
  async list(row, path, level, after, before = null) {
    const answer = await attempt(() => ask("ls", { path, after }));
    if (!answer) return;
    const last = answer.entries.at(-1);
    const rows = answer.entries.map((entry) => this.row(entry, path, level));
    if (answer.more && answer.entries.length >= PAGE) rows.push(this.moreRow(path, level, last.name));
    if (!rows.length && !after) rows.push(make("tr", { role: "row", "aria-level": level + 1 }, make("td", { colspan: 4, class: "quiet" }, "Nothing is in it.")));
    const place = before || (row ? row.nextSibling : null);
    rows.forEach((one) => this.body.insertBefore(one, place));
    if (!this.body.querySelector('tr[tabindex="0"]')) this.body.querySelector("tr[tabindex]")?.setAttribute("tabindex", "0");
  }

  row(entry, folder, level) {
    const path = `${folder}/${entry.name}`;
    const isFolder = entry.kind === "directory";
    const row = make("tr", { role: "row", tabindex: "-1", "aria-level": level + 1, "aria-expanded": isFolder ? "false" : null },
      make("td", { role: "gridcell" }, make("span", { class: "opener", "aria-hidden": "true" }, isFolder ? "›" : ""), `${shown(entry.name)}${isFolder ? "/" : entry.kind === "symlink" ? " @" : ""}`),
      make("td", { role: "gridcell" }), make("td", { role: "gridcell" }), make("td", { role: "gridcell" }, this.marker(entry)));
    row.cells[0].style.paddingLeft = `${0.7 + level * 1.3}rem`;
    this.nodes.set(row, { entry, path, level, isFolder });
    this.fill(row, entry);
    return row;
  }

  // What may change of an entry, in its row; the row itself stays, and with it the focus.
  fill(row, entry) {
    const node = this.nodes.get(row), shape = `${entry.status} ${entry.size} ${entry.mark}`;
    if (node.shape === shape) return;
    Object.assign(node.entry, entry);
    node.shape = shape;
    const marker = row.cells[3].firstChild;
    if (marker !== document.activeElement) marker.value = entry.mark;
    if (node.isFolder) return;
    row.cells[1].replaceChildren(make("span", { class: `dot ${entry.status.split(" ")[0]}`, "aria-hidden": "true" }), entry.status);
    row.cells[2].textContent = size(entry.size);
  }

  // Asks again for the folders that are open, the first page of each, and shows what has changed.
  async update() {
    const open = [...this.body.querySelectorAll('tr[aria-expanded="true"]')].slice(0, UPDATED_MAX);
    const folders = [[null, this.root], ...open.map((row) => [row, this.nodes.get(row).path])];
    for (const [row, path] of folders) {
      const answer = path && (await ask("ls", { path, after: "" }).catch(() => null));
      if (!answer || (row && (!row.isConnected || row.getAttribute("aria-expanded") !== "true"))) continue;
      if (path.startsWith(this.root)) this.merge(row, path, answer.entries);
    }
  }

  merge(row, path, entries) {
    const level = row ? this.nodes.get(row).level + 1 : 0;
    const rows = new Map();
    for (let at = row ? row.nextSibling : this.body.firstChild; at && Number(at.getAttribute("aria-level")) > level; at = at.nextSibling) {
      if (Number(at.getAttribute("aria-level")) === level + 1) rows.set(this.nodes.get(at)?.entry?.name, at);
    }
    const same = entries.every((one) => rows.has(one.name) && this.nodes.get(rows.get(one.name)).entry.kind === one.kind);
    const whole = entries.length >= PAGE || rows.size === entries.length;
    if (same && whole) entries.forEach((one) => this.fill(rows.get(one.name), one));
    else if (entries.length < PAGE) this.relist(row, path, level, entries, rows);
  }

  // Names have come or gone: rows of names that are still there stay as they are.
  relist(row, path, level, entries, rows) {
    const names = new Map(entries.map((one) => [one.name, one]));
    for (const [name, old] of rows) {
      const entry = names.get(name);
      if (entry && this.nodes.get(old).entry.kind === entry.kind) continue;
      rows.delete(name);
      this.fold(old);
      if (old === this.selected) this.focus(old.nextSibling || old.previousSibling, document.activeElement === old);
      old.remove();
    }
    let place = row ? row.nextSibling : this.body.firstChild;
    for (const entry of entries) {
      const old = rows.get(entry.name);
      if (old) {
        this.fill(old, entry);
        place = old.nextSibling;
        while (place && Number(place.getAttribute("aria-level")) > level + 1) place = place.nextSibling;
      } else this.body.insertBefore(this.row(entry, path, level), place);
    }
    if (!this.selected) this.body.querySelector("tr[tabindex]")?.setAttribute("tabindex", "0");
  }

  marker(entry) {
    const chosen = make("select", { tabindex: "-1", "aria-label": `Mark of ${shown(entry.name)}` },
      ...["own", "keep", "watch", "inherit"].map((mark) => make("option", { value: mark, selected: mark === entry.mark }, mark)));
    chosen.addEventListener("change", () => this.mark(chosen.closest("tr"), chosen.value === "inherit" ? null : chosen.value));
    return chosen;
  }

  moreRow(path, level, after) {
    const row = make("tr", { role: "row", tabindex: "-1", "aria-level": level + 1 },
      make("td", { colspan: 4 }, make("button", { type: "button", class: "small", tabindex: "-1" }, "Show more…")));
    row.cells[0].style.paddingLeft = `${1.8 + level * 1.3}rem`;
    this.nodes.set(row, { more: async () => { const next = row.nextSibling; row.remove(); await this.list(null, path, level, after, next); this.focus(next ? next.previousSibling : this.body.lastChild); } });
    return row;
  }

  async toggle(row, open) {
    const node = this.nodes.get(row);
    if (node?.more) return node.more();
    if (!node?.isFolder) return undefined;
    const isOpen = row.getAttribute("aria-expanded") === "true";
    if (open === isOpen) return undefined;
    row.setAttribute("aria-expanded", String(!isOpen));
    if (!isOpen) return this.list(row, node.path, node.level + 1, "");
    this.fold(row);
    return undefined;
  }

  fold(row) {
    const level = Number(row.getAttribute("aria-level"));
    while (row.nextSibling && Number(row.nextSibling.getAttribute("aria-level")) > level) row.nextSibling.remove();
  }

  click(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("select")) return;
    this.focus(row);
    this.toggle(row);
  }

  focus(row, really = true) {
    if (!row?.hasAttribute("tabindex")) return;
    this.body.querySelectorAll('tr[tabindex="0"]').forEach((one) => { one.setAttribute("tabindex", "-1"); one.removeAttribute("aria-selected"); });
    row.setAttribute("tabindex", "0");
    row.setAttribute("aria-selected", "true");
    if (really) row.focus();
  }

  key(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.tagName === "SELECT" || event.ctrlKey || event.metaKey || event.altKey) return;
    const node = this.nodes.get(row);
    const open = row.getAttribute("aria-expanded") === "true";
    const rows = [...this.body.querySelectorAll("tr[tabindex]")];
    const moves = { ArrowDown: () => this.focus(rows[rows.indexOf(row) + 1]), ArrowUp: () => this.focus(rows[rows.indexOf(row) - 1]),
      Home: () => this.focus(rows[0]), End: () => this.focus(rows.at(-1)),
      ArrowRight: () => (node?.isFolder && open ? this.focus(row.nextSibling) : this.toggle(row, true)),
      ArrowLeft: () => (open ? this.toggle(row, false) : this.focus(this.above(row))),
      Enter: () => this.toggle(row), " ": () => this.toggle(row), "?": () => this.why(row) };
    const asked = { f: () => this.carryOut(row, "fetch"), u: () => this.carryOut(row, "evict") };
    const letter = event.key.toLowerCase();
    if (event.key in moves) moves[event.key]();
    else if (node?.entry && letter in asked) asked[letter]();
    else if (node?.entry && letter in KEYS) this.mark(row, KEYS[letter]);
    else return;
    event.preventDefault();
  }

  above(row) {
    const level = Number(row.getAttribute("aria-level"));
    let at = row.previousSibling;
    while (at && Number(at.getAttribute("aria-level")) >= level) at = at.previousSibling;
    return at;
  }

  async mark(row, mark) {
    const node = this.nodes.get(row);
    if (!node?.entry) return;
    await attempt(async () => {
      const [seen] = await ask("mark-foresee", { paths: [node.path], mark });
      const lines = Object.entries(SAID).filter(([key]) => seen[key].files)
        .map(([key, said]) => make("p", {}, `${count(seen[key].files, "file")} of ${size(seen[key].bytes)} ${said}.`));
      if (seen.unavailable.files) lines.push(make("p", {}, `${count(seen.unavailable.files, "file")} can't be had now: no machine that has them is connected.`));
      if (!seen.fits) lines.push(make("p", {}, `It does not fit: the disk has room for ${size(seen.disk_free)}, the cache for ${size(seen.cache_free)}.`));
      const title = mark ? `Mark ${shown(node.entry.name)} ${mark}?` : `Let ${shown(node.entry.name)} inherit its mark?`;
      if (!lines.length) lines.push(make("p", {}, "Nothing has to be moved."));
      if (!(await confirmed(title, lines, mark ? `Mark ${mark}` : "Inherit"))) return;
      await ask(mark ? "mark-set" : "mark-clear", { paths: [node.path], mark });
    });
    row.cells[3].firstChild.value = node.entry.mark;
    this.focus(row);
    await this.update();
  }

  // Fetches all at and below a row, or frees the space it takes; one after the other.
  async carryOut(row, command) {
    const node = this.nodes.get(row);
    if (!node?.entry) return;
    if (this.doing) { this.told(`Wait until ${this.doing.said} is done, or stop it.`); return; }
    const said = `${command === "fetch" ? "fetching" : "freeing the space of"} ${shown(node.entry.name)}`;
    const doing = { said, stopped: false };
    this.doing = doing;
    this.told(`${capital(said)}…`);
    const done = await attempt(() => this.slices(command, node.path, doing));
    this.doing = null;
    if (!done) this.told(`${capital(said)} ended early.`);
    else if (doing.stopped && !done.done) this.told(`Stopped ${said}; what is done stays done.`);
    else this.told(outcome(command, node.entry.name, done));
    await this.update();
  }

  async slices(command, path, doing) {
    let part;
    do {
      part = await ask(command, { paths: [path] });
      if (!part.done) this.told(`${capital(doing.said)}: ${size(part.bytes)} of ${size(part.total_bytes)} in this round, ${count(part.total_files, "file")} to go…`);
      await this.update();
    } while (!part.done && !doing.stopped);
    return part;
  }

  stop() { if (this.doing) this.doing.stopped = true; }

  told(sentence) {
    document.getElementById("doing").textContent = sentence;
    document.getElementById("stop").hidden = !this.doing;
  }

  async why(row) {
    const node = this.nodes.get(row);
    if (!node?.entry) return;
    const found = await attempt(() => ask("info", { path: node.path }));
    if (!found) return;
    const holders = found.holders.map((one) => `${one.peer} ${one.state}`).join(", ") || "none known";
    const pairs = [["Status", found.status], ["Mark", found.explicit ? `${found.mark}, set here` : found.mark_from ? `${found.mark}, set on ${found.mark_from}` : `${found.mark}, the default`], ["Others", holders], ["Why", found.why]];
    await confirmed(shown(node.entry.name), [make("dl", {}, ...pairs.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, shown(text))]))], null);
    this.focus(row);
  }
}
