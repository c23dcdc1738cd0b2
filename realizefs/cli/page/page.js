// The page: asks how everything is every two seconds while it is seen, and shows it.
import { ask, attempt, confirmed, count, failed, make, shown, size } from "./daemon.js";
import { drawMap } from "./map.js";
import { Tree } from "./tree.js";

const LOOK_MS = 2000, RATES_KEPT = 90, LISTED_MAX = 100, JOBS_MAX = 8;
const DOING = { Realize: "to become a plain file", Unrealize: "to be given up", UpdateCache: "into the cache" };
const by = (id) => document.getElementById(id);
const tree = new Tree(by("tree"));
let lost = false, last = null, rates = [], arenas = new Map(), chosen = null;

async function look() {
  try {
    const status = await ask("status");
    if (lost) failed(null);
    lost = false;
    show(status);
    const busy = status.arenas.some((one) => one.jobs || one.pending);
    showJobs(busy ? await ask("jobs") : []);
  } catch (error) {
    lost = true;
    failed(error);
    by("state").textContent = "The daemon doesn't answer.";
  }
}

function show(status) {
  by("machine").textContent = shown(status.name);
  document.title = `${shown(status.name)} – RealizeFS`;
  const pending = status.arenas.reduce((sum, one) => sum + one.pending, 0);
  const jobs = status.arenas.reduce((sum, one) => sum + one.jobs, 0);
  by("state").textContent = jobs ? "Working" : pending ? "Waiting" : "Everything is as it should be";
  by("jobs").textContent = jobs.toLocaleString("en");
  by("pending").textContent = pending.toLocaleString("en");
  drawMap(status);
  drawRates(status.wire);
  showNotes(status);
  showArenas(status.arenas);
  const waits = [...new Set(status.arenas.map((one) => one.waits).filter(Boolean))];
  by("paused").textContent = waits.length ? `Waits: ${waits.map(shown).join("; ")}.` : "";
  by("pause").textContent = waits.length ? "Resume the background" : "Pause the background";
  by("pause").dataset.command = waits.length ? "resume" : "pause";
}

function drawRates(wire) {
  const now = performance.now();
  if (last) {
    const seconds = (now - last.at) / 1000;
    rates.push({ down: Math.max(wire.bytes_in - last.in, 0) / seconds, up: Math.max(wire.bytes_out - last.out, 0) / seconds });
    rates = rates.slice(-RATES_KEPT);
    by("down").textContent = `${size(Math.round(rates.at(-1).down))}/s`;
    by("up").textContent = `${size(Math.round(rates.at(-1).up))}/s`;
  }
  last = { at: now, in: wire.bytes_in, out: wire.bytes_out };
  const most = Math.max(1024, ...rates.flatMap((one) => [one.down, one.up]));
  const curve = (way) => rates.map((one, at) => `${at ? "L" : "M"}${(at / (RATES_KEPT - 1)) * 420} ${84 - (one[way] / most) * 78}`).join("");
  by("rates").replaceChildren(make("line", { x1: 0, x2: 420, y1: 86, y2: 86 }), make("path", { d: curve("up"), class: "up" }), make("path", { d: curve("down") }));
}

function showJobs(found) {
  const jobs = found.flatMap((one) => one.jobs), runs = jobs.filter((one) => one.state === "running");
  const all = [...runs, ...jobs.filter((one) => one.state !== "running")];
  const items = all.slice(0, JOBS_MAX).map((one) => {
    const doing = `${size(one.size)} ${DOING[one.action] ?? ""}`;
    const state = one.state === "running" ? "runs" : one.state === "backoff" ? `tried ${count(one.attempts, "time")}: ${one.why}` : `waits ${one.why}`;
    return make("li", {}, shown(one.path), make("div", { class: "quiet" }, `${doing}; ${shown(state)}`),
      one.state === "running" && one.size ? make("progress", { max: one.size, value: Math.min(one.here, one.size), "aria-label": `Of ${shown(one.path)}` }) : null);
  });
  if (all.length > items.length) items.push(make("li", { class: "quiet" }, `… and ${(all.length - items.length).toLocaleString("en")} more.`));
  by("job-list").replaceChildren(...items);
}

function showNotes(status) {
  const notes = status.problems.map((one) => make("li", {}, shown(one)));
  for (const arena of status.arenas) {
    if (arena.notice) notes.push(make("li", {}, shown(`Arena "${arena.name}": ${arena.notice}`)));
    if (arena.held) {
      notes.push(make("li", {}, `Other machines deleted ${count(arena.held, "file")} of "${shown(arena.name)}" that are here; they stay until somebody decides. `,
        make("button", { type: "button", class: "small", onclick: () => decide(arena.name, "approve") }, "Delete them here, too…"), " ",
        make("button", { type: "button", class: "small", onclick: () => decide(arena.name, "reject") }, "Bring them back everywhere…")));
    }
  }
  by("notes").hidden = !notes.length;
  by("note-list").replaceChildren(...notes);
}

async function decide(name, verdict) {
  const held = await attempt(() => ask("approve", { name, verdict: null }));
  if (!held) return;
  const title = verdict === "approve" ? `Delete ${count(held.count, "file")} here?` : `Bring ${count(held.count, "file")} back?`;
  const some = make("ul", { class: "list" }, ...held.paths.slice(0, 12).map((path) => make("li", {}, shown(path))));
  if (await confirmed(title, [some], verdict === "approve" ? "Delete" : "Bring back")) await attempt(() => ask("approve", { name, verdict }));
  await look();
}

function showArenas(found) {
  const cards = found.map((one) => {
    const total = Math.max(one.real_bytes + one.cached_bytes + one.remote_bytes, 1);
    return make("article", { class: "card" },
      make("h3", {}, shown(one.name)),
      make("p", {}, `${count(one.files, "file")}: ${size(one.real_bytes)} as plain files, ${size(one.cached_bytes)} cached (of ${size(one.cache_limit)}), ${size(one.remote_bytes)} on other machines alone`),
      make("div", { class: "bar", "aria-hidden": "true" }, bar("real", one.real_bytes / total), bar("cached", one.cached_bytes / total)),
      make("p", { class: "quiet" }, one.mount ? `Mounted at ${shown(one.mount)}` : `Root ${shown(one.root)}, not mounted`),
      one.problem ? make("p", {}, shown(one.problem)) : null,
      make("p", { class: "quiet" }, one.pending ? `${count(one.pending, "thing")} to be done` : "Nothing to be done"));
  });
  by("arenas").replaceChildren(...(cards.length ? cards : [make("p", { class: "quiet" }, "There is no arena; `realizefs arena add NAME DIR` makes one.")]));
  const names = found.map((one) => one.name).join("\0");
  arenas = new Map(found.map((one) => [one.name, one]));
  if (names !== by("arena").dataset.names) {
    by("arena").dataset.names = names;
    by("arena").replaceChildren(...found.map((one) => make("option", { value: one.name }, shown(one.name))));
    if (found.length) choose(arenas.has(chosen) ? chosen : found[0].name);
  }
}

function bar(kind, part) {
  const span = make("span", { class: kind });
  span.style.width = `${100 * part}%`;
  return span;
}

async function choose(name) {
  chosen = name;
  by("arena").value = name;
  await tree.show(arenas.get(name).root);
}

async function showConflicts() {
  const found = await attempt(() => ask("conflicts", {}));
  if (!found) return;
  const items = found.slice(0, LISTED_MAX).map((one) => {
    const path = `${arenas.get(one.arena)?.root}/${one.path}`;
    const settle = (keep, text) => make("button", { type: "button", class: "small", onclick: async () => { await attempt(() => ask("conflicts-resolve", { paths: [path], keep })); await showConflicts(); } }, text);
    return make("li", {}, make("strong", {}, shown(one.original ?? one.path)), make("div", { class: "quiet" }, `${shown(one.peer)} changed it, too, on ${shown(one.date)} (${size(one.size)}).`),
      make("div", { class: "row" }, settle("copy", `Keep ${shown(one.peer)}'s`), one.original ? settle("original", "Keep the other") : null, settle("both", "Keep both")));
  });
  by("conflicts").replaceChildren(...(items.length ? items : [make("li", { class: "quiet" }, "No file was changed by two machines at once.")]));
}

async function showTrash() {
  const found = await attempt(() => ask("trash-list", {}));
  if (!found) return;
  const total = found.reduce((sum, one) => sum + one.count, 0);
  const items = found.flatMap((arena) => arena.files.map((file) => ({ arena: arena.name, ...file }))).slice(0, LISTED_MAX).map((one) => {
    const restore = async () => { await attempt(() => ask("trash-restore", { paths: [`${arenas.get(one.arena)?.root}/${one.path}`] })); await showTrash(); };
    return make("li", {}, make("div", { class: "row" }, make("span", { class: "fill" }, shown(one.path), make("span", { class: "quiet" }, `  ${size(one.size)}, ${shown(one.deleted.slice(0, 16).replace("T", " "))}`)),
      make("button", { type: "button", class: "small", onclick: restore, "aria-label": `Restore ${shown(one.path)}` }, "Restore")));
  });
  if (total > items.length) items.push(make("li", { class: "quiet" }, `… and ${(total - items.length).toLocaleString("en")} more.`));
  by("trash").replaceChildren(...(items.length ? items : [make("li", { class: "quiet" }, "Nothing that others deleted or replaced is kept here.")]));
  by("empty").hidden = !total;
  by("empty").dataset.total = total;
}

by("why").addEventListener("click", () => tree.why(tree.selected));
by("fetch").addEventListener("click", () => tree.carryOut(tree.selected, "fetch"));
by("free").addEventListener("click", () => tree.carryOut(tree.selected, "evict"));
by("stop").addEventListener("click", () => tree.stop());
by("arena").addEventListener("change", () => choose(by("arena").value));
by("pause").addEventListener("click", async () => { await attempt(() => ask(by("pause").dataset.command, { arena: null })); await look(); });
by("empty").addEventListener("click", async () => {
  const text = make("p", {}, `${count(Number(by("empty").dataset.total), "file")} will be gone for good.`);
  if (await confirmed("Empty the trash?", [text], "Empty it")) await attempt(() => ask("trash-empty", { names: [] }));
  await showTrash();
});

async function forever() {
  await look();
  await Promise.all([showConflicts(), showTrash()]);
  let rounds = 0;
  setInterval(async () => {
    if (document.hidden) return;
    await look();
    await tree.update();
    rounds += 1;
    if (rounds % 8 === 0) await Promise.all([showConflicts(), showTrash()]);
  }, LOOK_MS);
}

forever();
