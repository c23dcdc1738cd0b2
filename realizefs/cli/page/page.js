// The page: asks how everything is every two seconds while it is seen, and shows it.
import { ask, attempt, count, failed, make, shown, size } from "./daemon.js";
import { drawMap } from "./map.js";
import { ratesOf, showPeers } from "./peers.js";
import { Settling } from "./settle.js";
import { Tree } from "./tree.js";

const LOOK_MS = 2000, CONFLICT_ROUNDS = 2, TRASH_ROUNDS = 8, RATES_KEPT = 90, JOBS_MAX = 8;
const DOING = { Realize: "to become a plain file", Unrealize: "to be given up", UpdateCache: "into the cache" };
const by = (id) => document.getElementById(id);
const tree = new Tree(by("tree")), settling = new Settling(look);
let lost = false, last = null, rates = [], arenas = new Map(), chosen = null;

// Said anew only where it is another: it is read out then.
function say(place, sentence) {
  if (place.textContent !== sentence) place.textContent = sentence;
}

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
  by("jobs").textContent = jobs.toLocaleString("en");
  by("pending").textContent = pending.toLocaleString("en");
  const perPeer = ratesOf(status);
  drawMap(status, perPeer);
  showPeers(status, perPeer);
  drawRates(status.wire);
  const notes = settling.showNotes(status);
  say(by("state"), notes ? `${count(notes, "thing")} to be looked at` : jobs ? "Working" : pending ? "Waiting" : "Everything is as it should be");
  showArenas(status.arenas);
  const waits = [...new Set(status.arenas.map((one) => one.waits).filter(Boolean))];
  by("paused").textContent = waits.length ? `Waits: ${waits.map(shown).join("; ")}.` : "";
  const paused = status.arenas.some((one) => one.paused);
  by("pause").textContent = paused ? "Resume the background" : "Pause the background";
  by("pause").dataset.command = paused ? "resume" : "pause";
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

by("why").addEventListener("click", () => tree.why());
by("fetch").addEventListener("click", () => tree.carryOut("fetch"));
by("free").addEventListener("click", () => tree.carryOut("evict"));
by("stop").addEventListener("click", () => tree.stop());
by("arena").addEventListener("change", () => choose(by("arena").value));
by("pause").addEventListener("click", async () => { await attempt(() => ask(by("pause").dataset.command, { arena: null })); await look(); });
// One round after the other, so that a slow daemon is never asked twice at once.
async function forever() {
  for (let rounds = 0; ; rounds += 1) {
    if (!document.hidden) {
      await look();
      await tree.update();
      if (rounds % CONFLICT_ROUNDS === 0) await settling.showConflicts();
      if (rounds % TRASH_ROUNDS === 0) await settling.showTrash();
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

forever();
