// The household: this machine in the middle, the others around it.
import { count, make, shown, size } from "./daemon.js";

const WIDTH = 520, ACROSS = 124, SHOWN_MAX = 16;
// How high it is for so many others at most: two stand beside this machine, few around it need less than many.
const HEIGHTS = [[2, 110], [6, 230], [SHOWN_MAX, 300]], ROOM = 44;
// Bytes a second below which it is the talk that keeps a connection up.
const FLOW_MIN = 1024;

export function drawMap(status, rates) {
  const map = document.getElementById("map");
  const peers = status.peers.slice(0, SHOWN_MAX);
  const height = HEIGHTS.find(([most]) => peers.length <= most)[1];
  const middle = { x: WIDTH / 2, y: height / 2 };
  map.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
  const lines = [], nodes = [];
  peers.forEach((peer, number) => {
    const angle = (2 * Math.PI * number) / peers.length - (peers.length > 2 ? Math.PI / 2 : 0);
    const x = middle.x + Math.cos(angle) * ACROSS;
    const y = middle.y + Math.sin(angle) * (height / 2 - ROOM);
    const off = peer.connected ? "" : "off";
    lines.push(make("line", { x1: middle.x, y1: middle.y, x2: x, y2: y, class: off }));
    nodes.push(make("circle", { cx: x, cy: y, r: 14, class: off },
      make("title", {}, `${shown(peer.name)}: ${peer.connected ? "connected" : "not connected"}`)));
    nodes.push(make("text", { ...beside(x - middle.x, y - middle.y, x, y), class: off }, shortened(peer.name)));
    lines.push(...flow(rates.get(peer.name), middle, { x, y }));
  });
  const me = [make("circle", { cx: middle.x, cy: middle.y, r: 20, class: "me" }),
    make("text", { x: middle.x, y: middle.y + 36, "text-anchor": "middle" }, shortened(status.name))];
  map.replaceChildren(...lines.filter((one) => one.tagName === "line"), ...lines.filter((one) => one.tagName !== "line"), ...nodes, ...me);
  const connected = status.peers.filter((peer) => peer.connected).length;
  const off = status.peers.filter((peer) => !peer.connected).map((peer) => shown(peer.name));
  document.getElementById("map-text").textContent = status.peers.length === 0
    ? "No other machine yet: `realizefs invite ARENA` prints a code for one."
    : `${count(connected, "machine is", "machines are")} connected` + (off.length ? `; ${off.join(", ")} ${off.length === 1 ? "isn't" : "aren't"}.` : ".")
      + (status.peers.length > 1 ? " Lines are this machine's connections; those of the others among themselves it doesn't know." : "");
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
