// The household: this machine in the middle, the others around it, and between these what they say of each other.
import { count, make, shown, size } from "./daemon.js";

const WIDTH = 520, ACROSS = 124, SHOWN_MAX = 16;
// How high it is for so many others at most: two stand beside this machine, few around it need less than many.
const HEIGHTS = [[2, 110], [6, 230], [SHOWN_MAX, 300]], ROOM = 44;
// Bytes a second below which it is the talk that keeps a connection up.
const FLOW_MIN = 1024;
// What is nearer to this machine's middle leads through it; how far off a curve is drawn to.
const NEAR = 26, ARCH = 80;
// Pairs that are named; the others are counted.
const PAIRS_SAID = 6;

export function drawMap(status, rates) {
  const map = document.getElementById("map");
  const peers = status.peers.slice(0, SHOWN_MAX);
  const height = HEIGHTS.find(([most]) => peers.length <= most)[1];
  const middle = { x: WIDTH / 2, y: height / 2 };
  map.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const lines = [], nodes = [], places = new Map();
  peers.forEach((peer, number) => {
    const angle = (2 * Math.PI * number) / peers.length - (peers.length > 2 ? Math.PI / 2 : 0);
    const x = middle.x + Math.cos(angle) * ACROSS;
    const y = middle.y + Math.sin(angle) * (height / 2 - ROOM);
    const off = peer.connected ? "" : "off";
    places.set(peer.name, { x, y });
    lines.push(make("line", { x1: middle.x, y1: middle.y, x2: x, y2: y, class: off }));
    nodes.push(make("circle", { cx: x, cy: y, r: 14, class: off },
      make("title", {}, `${shown(peer.name)}: ${peer.connected ? "connected" : "not connected"}`)));
    nodes.push(make("text", { ...beside(x - middle.x, y - middle.y, x, y), class: off }, shortened(peer.name)));
    lines.push(...flow(rates.get(peer.name), middle, { x, y }));
  });
  const pairs = meetings(status.peers), drawn = pairs.map((pair) => pair.map((name) => places.get(name))).filter(([one, other]) => one && other);
  const between = drawn.map(([one, other]) => make("path", { d: around(one, other, middle), class: "between" }));
  const me = [make("circle", { cx: middle.x, cy: middle.y, r: 20, class: "me" }),
    make("text", { x: middle.x, y: middle.y + 36, "text-anchor": "middle" }, shortened(status.name))];
  map.replaceChildren(...between, ...lines.filter((one) => one.tagName === "line"), ...lines.filter((one) => one.tagName !== "line"), ...nodes, ...me);
  const connected = status.peers.filter((peer) => peer.connected).length;
  const off = status.peers.filter((peer) => !peer.connected).map((peer) => shown(peer.name));
  document.getElementById("map-text").textContent = status.peers.length === 0
    ? "No other machine yet: `realizefs invite ARENA` prints a code for one."
    : `${count(connected, "machine is", "machines are")} connected` + (off.length ? `; ${off.join(", ")} ${off.length === 1 ? "isn't" : "aren't"}.` : ".")
      + said(pairs, status.peers.filter((peer) => peer.connected && peer.links === null).map((peer) => shown(peer.name)));
}

// From one to another; above this machine where the straight way leads through it.
function around(one, other, middle) {
  const half = { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
  if (Math.hypot(half.x - middle.x, half.y - middle.y) > NEAR) return `M${one.x} ${one.y}L${other.x} ${other.y}`;
  const [across, down] = Math.abs(other.x - one.x) < NEAR ? [ARCH, 0] : [0, -ARCH];
  return `M${one.x} ${one.y}Q${half.x + across} ${half.y + down} ${other.x} ${other.y}`;
}

// Pairs of others of which one says that it is connected to the other.
function meetings(peers) {
  const known = new Set(peers.map((peer) => peer.name)), pairs = new Map();
  for (const peer of peers) {
    for (const other of peer.links ?? []) {
      const pair = [peer.name, other].sort();
      if (known.has(other)) pairs.set(pair.join("\0"), pair);
    }
  }
  return [...pairs.values()];
}

function said(pairs, silent) {
  const some = pairs.slice(0, PAIRS_SAID).map((pair) => pair.map(shown).join(" and "));
  const rest = pairs.length - some.length;
  return (some.length ? ` As they say, ${some.join(", ")}${rest ? `, and ${count(rest, "other pair")},` : ""} are connected with each other.` : "")
    + (silent.length ? ` Whom else ${silent.join(", ")} ${silent.length === 1 ? "is" : "are"} connected to isn't known.` : "");
}

// What goes to and fro just now stands on the line; nothing where nothing does.
function flow({ down, up }, middle, { x, y }) {
  const said = [[down, "↓"], [up, "↑"]].filter(([rate]) => rate >= FLOW_MIN).map(([rate, arrow]) => `${arrow} ${size(rate)}/s`);
  const place = { x: (middle.x + x) / 2, y: (middle.y + y) / 2 - 6 * (said.length - 1) + 4 };
  return said.map((one, number) => make("text", { x: place.x, y: place.y + 14 * number, "text-anchor": "middle", class: "flow" }, one));
}

// Names stand outside of the ring, where they meet neither lines nor each other.
function beside(right, down, x, y) {
  if (Math.abs(right) < 20) return { x, y: y + (down < 0 ? -20 : 30), "text-anchor": "middle" };
  return { x: x + (right < 0 ? -20 : 20), y: y + 4, "text-anchor": right < 0 ? "end" : "start" };
}

const shortened = (name) => { const text = shown(name); return text.length > 16 ? `${text.slice(0, 15)}…` : text; };
