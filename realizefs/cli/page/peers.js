// What goes to and fro between this machine and each other, in the last moments and since the daemon started.
import { make, shown, size, when } from "./daemon.js";
import { showItems } from "./items.js";

const NAMED_MAX = 100;
let last = null;

// By peer, bytes a second down and up since it was looked at before; the daemon's clock, its counters.
export function ratesOf(status) {
  const seconds = last ? (status.now_ns - last.now_ns) / 1e9 : 0, rates = new Map();
  for (const peer of status.peers) {
    const before = last?.peers.get(peer.name);
    const rate = (way) => (before && seconds > 0 ? Math.max(peer[way] - before[way], 0) / seconds : 0);
    rates.set(peer.name, { down: Math.round(rate("bytes_in")), up: Math.round(rate("bytes_out")) });
  }
  last = { now_ns: status.now_ns, peers: new Map(status.peers.map((peer) => [peer.name, peer])) };
  return rates;
}

export function showPeers(status, rates) {
  const items = status.peers.slice(0, NAMED_MAX).map((peer) => {
    const { down, up } = rates.get(peer.name);
    const cells = [shown(peer.name), state(peer), `${size(down)}/s`, `${size(up)}/s`, size(peer.bytes_in), size(peer.bytes_out)];
    return { key: peer.name, shape: JSON.stringify(cells), draw: () => row(cells, peer.connected) };
  });
  document.getElementById("peers").hidden = !items.length;
  showItems(document.getElementById("peers").tBodies[0], items);
}

function row([name, ...cells], isConnected) {
  return make("tr", { class: isConnected ? null : "off" }, make("th", { scope: "row" }, name), ...cells.map((one) => make("td", {}, one)));
}

const at = (ns) => when(ns / 1e6);

function state(peer) {
  if (peer.connected) return peer.since_ns ? `since ${at(peer.since_ns)}` : "connected";
  return peer.seen_ns ? `last ${at(peer.seen_ns)}` : "not since the start";
}
