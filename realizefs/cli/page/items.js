// Lists that are shown anew every few seconds: an item that is still there stays as it is, and with it the focus.
import { make } from "./daemon.js";

const drawn = new WeakMap();

// `items` are {key, shape, draw}: drawn anew where their shape is another. `otherwise` is said where there are none.
export function showItems(list, items, otherwise = null) {
  const none = { key: null, shape: otherwise, draw: () => make("li", { class: "quiet" }, otherwise) };
  const all = items.length || otherwise === null ? items : [none];
  const old = new Map([...list.children].map((one) => [drawn.get(one)?.key, one]));
  const focus = focusIn(list);
  const wanted = all.map((item) => {
    const have = old.get(item.key);
    if (have && drawn.get(have).shape === item.shape) return have;
    const made = item.draw();
    drawn.set(made, item);
    return made;
  });
  const kept = new Set(wanted);
  for (const one of [...list.children]) if (!kept.has(one)) one.remove();
  wanted.forEach((one, at) => { if (list.children[at] !== one) list.insertBefore(one, list.children[at] ?? null); });
  if (focus && !list.contains(document.activeElement)) giveFocus(list, focus);
}

function focusIn(list) {
  const at = [...list.children].findIndex((one) => one.contains(document.activeElement));
  if (at < 0) return null;
  const which = [...list.children[at].querySelectorAll("button")].indexOf(document.activeElement);
  return { key: drawn.get(list.children[at])?.key, at, which };
}

// To the same item, else to what has its place now, else to the heading: the keyboard never starts from the top again.
function giveFocus(list, { key, at, which }) {
  const children = [...list.children];
  const item = children.find((one) => drawn.get(one).key === key) ?? children[Math.min(at, children.length - 1)];
  const buttons = item ? [...item.querySelectorAll("button")] : [];
  const place = buttons[which] ?? buttons[0] ?? list.closest("section").querySelector("h2");
  if (place.tagName === "H2") place.setAttribute("tabindex", "-1");
  place.focus();
}

export const more = (number) => ({
  key: "more", shape: number, draw: () => make("li", { class: "quiet" }, `… and ${number.toLocaleString("en")} more.`),
});
