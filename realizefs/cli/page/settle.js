// What waits for a person: deletions that are held up, conflicts, the trash.
import { ask, attempt, confirmed, count, make, shown, size, when } from "./daemon.js";
import { more, showItems } from "./items.js";

const LISTED_MAX = 100, NAMED_MAX = 12;
// What was settled here isn't shown again while the daemon's index follows; after so long it is: it wasn't settled.
const SETTLING_MS = 20000;
const by = (id) => document.getElementById(id);
const button = (text, onclick, label) => make("button", { type: "button", class: "small", onclick, "aria-label": label }, text);

// In the place of a list: why it isn't known, until the next round brings it.
const unknown = (id, error) => showItems(by(id), [], shown(error.message));

export class Settling {
  constructor(look) {
    this.look = look;
    this.settled = new Map();
    this.arenas = new Map();
    this.conflicts = 0;
    by("empty").addEventListener("click", () => this.empty());
  }

  // How many things there are to be looked at.
  showNotes(status) {
    this.arenas = new Map(status.arenas.map((one) => [one.name, one]));
    const plain = (sentence) => ({ key: sentence, shape: "", draw: () => make("li", {}, shown(sentence)) });
    const notes = status.problems.map(plain);
    for (const arena of status.arenas) {
      for (const one of arena.notices ?? []) {
        const said = `Arena "${arena.name}": ${one.sentence}`;
        notes.push(one.what === "held" ? this.heldNote(arena, said) : plain(one.remedy ? `${said} ${one.remedy}` : said));
      }
    }
    if (this.conflicts) {
      const said = `${count(this.conflicts, "file was", "files were")} changed on two machines at once.`;
      notes.push({ key: "conflicts", shape: said, draw: () => make("li", {}, make("a", { href: "#conflicts-title" }, said)) });
    }
    by("notes").hidden = !notes.length;
    showItems(by("note-list"), notes);
    return notes.length;
  }

  // What is to be said on a command line is asked here.
  heldNote(arena, said) {
    return { key: `held ${arena.name}`, shape: said, draw: () => make("li", {}, shown(said), make("div", { class: "row" },
      button("Delete them here, too…", () => this.decide(arena.name, "approve")),
      button("Bring them back everywhere…", () => this.decide(arena.name, "reject")))) };
  }

  async decide(name, verdict) {
    const held = await attempt(() => ask("approve", { name, verdict: null }));
    if (!held) return;
    const what = count(held.count, "file or folder", "files and folders");
    const deletes = verdict === "approve";
    const follows = deletes ? "Files go to the trash here, from where they can be brought back for a while." : "They are shared again, and come back on all machines.";
    const some = held.paths.slice(0, NAMED_MAX).map((path) => make("li", {}, shown(path)));
    if (held.count > some.length) some.push(make("li", { class: "quiet" }, `… and ${(held.count - some.length).toLocaleString("en")} more.`));
    const content = [make("p", {}, follows), make("ul", { class: "list" }, ...some)];
    if (!(await confirmed(deletes ? `Delete ${what} here?` : `Bring ${what} back?`, content, deletes ? "Delete" : "Bring back"))) return;
    await attempt(() => ask("approve", { name, verdict }));
    await this.look();
  }

  async showConflicts() {
    const found = await ask("conflicts", {}).catch((error) => unknown("conflicts", error));
    if (!found) return;
    const open = this.unsettled(found, "conflict");
    this.conflicts = open.length;
    const items = open.slice(0, LISTED_MAX).map((one) => ({ key: key("conflict", one), shape: JSON.stringify(one), draw: () => this.conflict(one) }));
    if (open.length > items.length) items.push(more(open.length - items.length));
    showItems(by("conflicts"), items, "No file was changed by two machines at once.");
  }

  // Those that weren't settled here a moment ago.
  unsettled(found, kind) {
    const keys = new Set(found.map((one) => key(kind, one)));
    for (const [settled, until] of this.settled) {
      if (settled.startsWith(kind) && (!keys.has(settled) || until < performance.now())) this.settled.delete(settled);
    }
    return found.filter((one) => !this.settled.has(key(kind, one)));
  }

  conflict(one) {
    const name = shown(one.original ?? one.path), peer = shown(one.peer);
    const settle = (keep, text) => button(text, () => this.resolve(one, keep), `${text}: ${name}`);
    const both = one.original ? [settle("original", "Keep what has the name now"), settle("both", "Keep both")] : [];
    const said = `${peer} changed it, too, on ${shown(one.date)} (${size(one.size)}).${this.inArena(one)}`;
    return make("li", {}, make("strong", {}, name), make("div", { class: "quiet" }, one.original ? said : `${said} Nothing has the name any more.`),
      make("div", { class: "row" }, settle("copy", `Keep ${peer}'s`), ...both));
  }

  async resolve(one, keep) {
    if (this.settled.has(key("conflict", one))) return;
    this.settled.set(key("conflict", one), performance.now() + SETTLING_MS);
    const done = await attempt(() => ask("conflicts-resolve", { paths: [this.path(one)], keep }));
    if (!done) this.settled.delete(key("conflict", one));
    const other = keep === "both" ? `; ${shown(one.peer)}'s is now ${shown(done?.[0]?.path ?? "")}` : "";
    await this.showConflicts(); // said once it is so
    by("conflicts-said").textContent = done ? `Settled: ${shown(one.original ?? one.path)}${other}.` : "";
    await this.look();
  }

  async showTrash() {
    const found = await ask("trash-list", {}).catch((error) => unknown("trash", error));
    if (!found) return;
    const total = found.reduce((sum, one) => sum + one.count, 0);
    // What is brought back of a path is its newest file; an older one is shown once that is back.
    const newest = new Map();
    for (const one of found.flatMap((arena) => arena.files.map((file) => ({ arena: arena.name, ...file })))) {
      if (newest.has(key("trash", one))) newest.get(key("trash", one)).older += 1;
      else newest.set(key("trash", one), { ...one, older: 0 });
    }
    const shownOnes = [...newest.values()].slice(0, LISTED_MAX);
    const items = shownOnes.map((one) => ({ key: key("trash", one), shape: JSON.stringify(one), draw: () => this.trashed(one) }));
    const rest = total - shownOnes.reduce((sum, one) => sum + 1 + one.older, 0);
    if (rest) items.push(more(rest));
    by("empty").hidden = !total;
    by("empty").dataset.total = total;
    showItems(by("trash"), items, "Nothing that others deleted or replaced is kept here.");
  }

  trashed(one) {
    const older = one.older ? `, and ${count(one.older, "older one")}` : "";
    return make("li", {}, make("div", { class: "row" },
      make("span", { class: "fill" }, shown(one.path), make("span", { class: "quiet" }, `  ${size(one.size)}, ${when(one.deleted)}${older}${this.inArena(one)}`)),
      button("Restore", () => this.restore(one), `Restore ${shown(one.path)}`)));
  }

  async restore(one) {
    const done = await attempt(() => ask("trash-restore", { paths: [this.path(one)] }));
    await this.showTrash();
    by("trash-said").textContent = done ? `Back, for all machines: ${done.slice(0, NAMED_MAX).map((each) => shown(each.path)).join(", ")}.` : "";
  }

  async empty() {
    const total = Number(by("empty").dataset.total), several = this.arenas.size > 1 ? ", of all arenas," : "";
    const text = make("p", {}, `${count(total, "file")}${several} will be gone for good from this machine's trash.`);
    if (!(await confirmed("Empty the trash?", [text], "Empty it"))) return;
    const done = await attempt(() => ask("trash-empty", { names: [] }));
    const had = document.activeElement === by("empty");
    await this.showTrash();
    by("trash-said").textContent = done ? `${count(done.reduce((sum, each) => sum + each.count, 0), "file")} removed.` : "";
    if (had && by("empty").hidden) { by("trash-title").setAttribute("tabindex", "-1"); by("trash-title").focus(); }
  }

  path(one) { return `${this.arenas.get(one.arena)?.root}/${one.path}`; }

  inArena(one) { return this.arenas.size > 1 ? ` In ${shown(one.arena)}.` : ""; }
}

const key = (kind, one) => `${kind} ${one.arena}\0${one.path}`;
