// What is done with a file or folder of the tree: marked, fetched, freed, asked why it is so.
import { ask, attempt, confirmed, count, make, shown, size } from "./daemon.js";

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

function foreseen(seen) {
  const lines = Object.entries(SAID).filter(([key]) => seen[key].files)
    .map(([key, said]) => make("p", {}, `${count(seen[key].files, "file")} of ${size(seen[key].bytes)} ${said}.`));
  if (seen.unavailable.files) lines.push(make("p", {}, `${count(seen.unavailable.files, "file")} can't be had now: no machine that has them is connected.`));
  if (!seen.fits) lines.push(make("p", {}, `It does not fit: the disk has room for ${size(seen.disk_free)}, the cache for ${size(seen.cache_free)}.`));
  return lines.length ? lines : [make("p", {}, "Nothing has to be moved.")];
}

export class Deeds {
  // `update` shows what has changed.
  constructor(update) {
    this.update = update;
    this.doing = null;
  }

  // Once the person agrees to what it brings.
  async mark({ path, entry }, mark) {
    await attempt(async () => {
      const [seen] = await ask("mark-foresee", { paths: [path], mark });
      const title = mark ? `Mark ${shown(entry.name)} ${mark}?` : `Let ${shown(entry.name)} inherit its mark?`;
      if (!(await confirmed(title, foreseen(seen), mark ? `Mark ${mark}` : "Inherit"))) return;
      await ask(mark ? "mark-set" : "mark-clear", { paths: [path], mark });
    });
  }

  // Fetches all at and below a path, or frees the space it takes; one after the other.
  async carryOut({ path, entry }, command) {
    if (this.doing) { this.told(`Wait until ${this.doing.said} is done, or stop it.`); return; }
    const said = `${command === "fetch" ? "fetching" : "freeing the space of"} ${shown(entry.name)}`;
    const doing = { said, stopped: false };
    this.doing = doing;
    this.told(`${capital(said)}…`);
    const done = await attempt(() => this.slices(command, path, doing));
    this.doing = null;
    if (!done) this.told(`${capital(said)} ended early.`);
    else if (doing.stopped && !done.done) this.told(`Stopped ${said}; what is done stays done.`);
    else this.told(outcome(command, entry.name, done));
    await this.update();
  }

  async slices(command, path, doing) {
    let first, part;
    do {
      part = await ask(command, { paths: [path] });
      first ??= part;
      if (!part.done) this.told(`${capital(doing.said)}: ${size(part.bytes)} of ${size(part.total_bytes)} in this round, ${count(part.total_files, "file")} to go…`);
      await this.update();
    } while (!part.done && !doing.stopped);
    if (command !== "fetch" || !part.done || part.failed) return part;
    // What a round hadn't finished may be through before the next one begins, which then has nothing to do.
    return { ...part, files: first.total_files, bytes: first.total_bytes };
  }

  stop() { if (this.doing) this.doing.stopped = true; }

  told(sentence) {
    const stop = document.getElementById("stop"), had = document.activeElement === stop;
    document.getElementById("doing").textContent = sentence;
    stop.hidden = !this.doing;
    if (had && stop.hidden) document.getElementById("fetch").focus();
  }

  async why({ path, entry }) {
    const found = await attempt(() => ask("info", { path }));
    if (!found) return;
    const holders = found.holders.map((one) => `${one.peer} ${one.state}`).join(", ") || "none known";
    const pairs = [["Status", found.status], ["Mark", found.explicit ? `${found.mark}, set here` : found.mark_from ? `${found.mark}, set on ${found.mark_from}` : `${found.mark}, the default`], ["Others", holders], ["Why", found.why]];
    await confirmed(shown(entry.name), [make("dl", {}, ...pairs.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, shown(text))]))], null);
  }
}
