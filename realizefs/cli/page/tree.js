// The files of an arena as a treegrid: folders are asked for when they are opened, a page at a time.
import { ask, attempt, confirmed, count, make, shown, size } from "./daemon.js";

// Entries of a whole page of the daemon's (sync/summary.py); fewer are the last ones.
const PAGE = 500;
const KEYS = { o: "own", k: "keep", w: "watch", i: null };
const SAID = {
  real_fetched: "would be fetched, and become plain files here", real_here: "are cached here, and would become plain files",
  cached: "would be fetched into the cache, and stay there", leaves: "would leave the arena root; other machines have them",
  stays: "would stay plain files, since not enough others own them", loosened: "would no longer be kept when the cache is full",
};

export class Tree {
  constructor(table) {
    this.body = table.tBodies[0];
    this.body.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.click(event));
    this.nodes = new WeakMap();
  }

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
    const state = entry.status.split(" ")[0];
    const row = make("tr", { role: "row", tabindex: "-1", "aria-level": level + 1, "aria-expanded": isFolder ? "false" : null },
      make("td", { role: "gridcell" }, make("span", { class: "opener", "aria-hidden": "true" }, isFolder ? "›" : ""), `${shown(entry.name)}${isFolder ? "/" : entry.kind === "symlink" ? " @" : ""}`),
      make("td", { role: "gridcell" }, ...(isFolder ? [] : [make("span", { class: `dot ${state}`, "aria-hidden": "true" }), entry.status])),
      make("td", { role: "gridcell" }, isFolder ? "" : size(entry.size)),
      make("td", { role: "gridcell" }, this.marker(entry)));
    row.cells[0].style.paddingLeft = `${0.7 + level * 1.3}rem`;
    this.nodes.set(row, { entry, path, level, isFolder });
    return row;
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
    this.nodes.set(row, { more: async () => { const next = row.nextSibling; row.remove(); await this.list(null, path, level, after, next || undefined); if (next === null) { /* appended at the end */ } } });
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
    while (row.nextSibling && Number(row.nextSibling.getAttribute("aria-level")) > node.level + 1) row.nextSibling.remove();
    return undefined;
  }

  click(event) {
    const row = event.target.closest("tr");
    if (!row || event.target.closest("select")) return;
    this.focus(row);
    this.toggle(row);
  }

  focus(row) {
    if (!row?.hasAttribute("tabindex")) return;
    this.body.querySelectorAll('tr[tabindex="0"]').forEach((one) => one.setAttribute("tabindex", "-1"));
    row.setAttribute("tabindex", "0");
    row.focus();
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
    const letter = event.key.toLowerCase();
    if (event.key in moves) moves[event.key]();
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
    await this.refresh(row);
    this.focus([...this.body.querySelectorAll("tr[tabindex]")].find((one) => this.nodes.get(one)?.path === node.path));
  }

  // What is shown of one row, and of the folder's rows if it is open, is asked for again.
  async refresh(row) {
    const node = this.nodes.get(row);
    const found = await attempt(() => ask("info", { path: node.path }));
    if (!found) return;
    node.entry.mark = found.mark;
    node.entry.status = found.status;
    const fresh = this.row(node.entry, node.path.slice(0, -node.entry.name.length - 1), node.level);
    const wasOpen = row.getAttribute("aria-expanded") === "true";
    if (wasOpen) await this.toggle(row, false);
    row.replaceWith(fresh);
    if (wasOpen) await this.toggle(fresh, true);
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
