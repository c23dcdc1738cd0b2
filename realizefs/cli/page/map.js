// The household: this machine in the middle, the others around it.
import { count, make, shown } from "./daemon.js";

const WIDTH = 420, HEIGHT = 260, SHOWN_MAX = 16;

export function drawMap(status) {
  const map = document.getElementById("map");
  const peers = status.peers.slice(0, SHOWN_MAX);
  const middle = { x: WIDTH / 2, y: HEIGHT / 2 - 6 };
  const lines = [], nodes = [];
  peers.forEach((peer, number) => {
    const angle = (2 * Math.PI * number) / peers.length - (peers.length > 2 ? Math.PI / 2 : 0);
    const x = middle.x + Math.cos(angle) * (WIDTH / 2 - 62);
    const y = middle.y + Math.sin(angle) * (HEIGHT / 2 - 40);
    const off = peer.connected ? "" : "off";
    lines.push(make("line", { x1: middle.x, y1: middle.y, x2: x, y2: y, class: off }));
    nodes.push(make("circle", { cx: x, cy: y, r: 14, class: off },
      make("title", {}, `${shown(peer.name)}: ${peer.connected ? "connected" : "not connected"}`)));
    nodes.push(make("text", { x, y: y + 30, class: off }, shortened(peer.name)));
  });
  const me = [make("circle", { cx: middle.x, cy: middle.y, r: 20, class: "me" }),
    make("text", { x: middle.x, y: middle.y + 36 }, shortened(status.name))];
  map.replaceChildren(...lines, ...nodes, ...me);
  const connected = status.peers.filter((peer) => peer.connected).length;
  const off = status.peers.filter((peer) => !peer.connected).map((peer) => shown(peer.name));
  document.getElementById("map-text").textContent = status.peers.length === 0
    ? "No other machine yet: `realizefs invite ARENA` prints a code for one."
    : `${count(connected, "machine is", "machines are")} connected` + (off.length ? `; ${off.join(", ")} ${off.length === 1 ? "isn't" : "aren't"}.` : ".");
}

const shortened = (name) => { const text = shown(name); return text.length > 16 ? `${text.slice(0, 15)}…` : text; };
