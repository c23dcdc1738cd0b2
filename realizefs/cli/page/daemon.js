// Asking the daemon, and how what it says is shown. Everything that comes from names is put into the
// page as text, never as markup.

export class Refused extends Error {}

export async function ask(command, args = {}) {
  let answer;
  try {
    answer = await fetch("/api/ask", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ command, arguments: args }),
    });
  } catch {
    throw new Refused("The page's server has ended; run `realizefs web` again.");
  }
  if (!(answer.headers.get("content-type") || "").startsWith("application/json")) {
    throw new Refused(await answer.text());
  }
  const said = await answer.json();
  if (!answer.ok) throw new Refused(said.error);
  return said.result;
}

// An element with attributes and children; strings become text.
export function make(tag, attributes = {}, ...children) {
  const space = ["svg", "line", "circle", "text", "path", "g", "title"].includes(tag)
    ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(space, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

// What has no shape of its own, or plays with the layout or the direction of the rest, and bytes of names that
// aren't UTF-8, are shown escaped: as `printable` of the terminal's commands does it (render.py).
const UNSEEN = /(?! )[\p{C}\p{Z}]/gu, NAMED = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

export const shown = (text) => text.replace(UNSEEN, (one) => NAMED[one] ?? escaped(one.codePointAt(0)));

function escaped(code) {
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
  const [letter, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${letter}${code.toString(16).padStart(width, "0")}`;
}

export function size(bytes) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) { bytes /= 1024; unit += 1; }
  return `${unit ? bytes.toFixed(1) : bytes} ${units[unit]}`;
}

export const count = (number, one, many = `${one}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

export const when = (iso) => new Date(iso).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });

// Asks the person; true if the answer is yes. Escape is no.
export function confirmed(title, content, yes = "Go on") {
  const dialog = document.getElementById("dialog");
  document.getElementById("dialog-title").textContent = title;
  document.getElementById("dialog-text").replaceChildren(...content);
  const go = document.getElementById("dialog-yes");
  go.textContent = yes || "";
  go.hidden = !yes;
  document.getElementById("dialog-no").textContent = yes ? "Cancel" : "Close";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function failed(error) {
  const place = document.getElementById("failure"), said = error ? shown(error.message) : "";
  if (place.textContent !== said) place.textContent = said; // it is read out whenever it is set
  place.hidden = !error;
}

// Does something that may be refused; the reason is shown.
export async function attempt(doing) {
  try {
    failed(null);
    return await doing();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    failed(error);
    return undefined;
  }
}
