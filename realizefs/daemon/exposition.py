"""What `metrics` tells, in the text format of Prometheus.

Names are those of JuiceFS's set where it has the same, with our prefix, so that its dashboards need
little change. Labels are names of people's own: arenas, peers, programs; two peers of one name count
together, as they would be told apart by nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from realizefs.core.counting import BOUNDS_SECONDS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The format that every version of Prometheus reads."""

PREFIX = "realizefs_"

QUEUES = ("dirty", "decisions", "running", "due", "for_peer", "held", "backoff")


class _Told(Collector):
    """One answer of `metrics`."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        """All families, in the order of the table in the README."""
        told = self._told
        seconds = (told["now_ns"] - told["started_ns"]) / 1e9
        yield GaugeMetricFamily(PREFIX + "uptime", "Seconds since the daemon started.", seconds)
        yield from _operations(told["operations"])
        yield from _programs(told["processes"])
        yield from _arenas(told["arenas"])
        yield from _peers(told["peers"])
        yield _counter(
            "network_received_bytes", "Bytes from others, TLS included.", told["wire"]["bytes_in"]
        )
        yield _counter(
            "network_sent_bytes", "Bytes to others, TLS included.", told["wire"]["bytes_out"]
        )


def exposition(told: Mapping[str, Any]) -> bytes:
    """The text for an answer of `metrics`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told(told))
    return generate_latest(registry)


def _operations(operations: Mapping[str, Any]) -> Iterator[Metric]:
    durations = HistogramMetricFamily(
        PREFIX + "fuse_ops_durations_histogram_seconds",
        "How long requests of the kernel took.",
        labels=["method"],
    )
    errors = _family(
        "fuse_ops_errors", "Requests of the kernel that were answered an error.", "method"
    )
    bounds = (*map(str, BOUNDS_SECONDS), "+Inf")
    for name, one in operations.items():
        buckets = list(zip(bounds, one["buckets"], strict=True))
        durations.add_metric([name], buckets, one["seconds"])
        errors.add_metric([name], one["failed"])
    yield durations
    yield errors


def _programs(processes: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    size = _family("fuse_read_size_bytes", "Bytes that programs read through the mount.", "program")
    reads = _family("fuse_reads", "Reads that programs made through the mount.", "program")
    for one in processes:
        size.add_metric([_label(one["name"])], one["bytes"])
        reads.add_metric([_label(one["name"])], one["reads"])
    yield from (size, reads)


_GAUGES = (
    ("used_space", "bytes", "Bytes of all files of the arena, wherever they are."),
    ("used_inodes", "files", "Files of the arena."),
    ("real_bytes", "real_bytes", "Bytes of plain files here."),
    ("blockcache_bytes", "cached_bytes", "Bytes of disk that the cache takes."),
    ("blockcache_limit_bytes", "cache_limit", "Bytes of disk that the cache may take now."),
    ("blockcache_kept_bytes", "kept_bytes", "Bytes of disk in the cache that stay."),
)
_COUNTERS = (
    ("blockcache_hit_bytes", "hit_bytes", "Bytes read of files that aren't plain, from the cache."),
    ("blockcache_miss_bytes", "miss_bytes", "Bytes read of those that had to be fetched."),
    ("blockcache_evicts", "evictions", "Files, or parts of them, that left the cache for room."),
    ("blockcache_evict_bytes", "evicted_bytes", "Bytes of disk that were freed so."),
)


def _arenas(arenas: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    for name, key, what in _GAUGES:
        gauge = GaugeMetricFamily(PREFIX + name, what, labels=["arena"])
        for one in arenas:
            gauge.add_metric([_label(one["name"])], one[key])
        yield gauge
    for name, key, what in _COUNTERS:
        counter = _family(name, what, "arena")
        for one in arenas:
            counter.add_metric([_label(one["name"])], one["cache"][key])
        yield counter
    queues = GaugeMetricFamily(
        PREFIX + "queue_length",
        "What waits or runs; see `realizefs jobs`.",
        labels=["arena", "queue"],
    )
    for one in arenas:
        for queue in QUEUES:
            queues.add_metric([_label(one["name"]), queue], one["queues"][queue])
    yield queues


def _peers(peers: Iterable[Mapping[str, Any]]) -> Iterator[Metric]:
    totals: dict[str, list[int]] = {}
    for one in peers:
        total = totals.setdefault(_label(one["name"]), [0, 0, 0])
        for place, key in enumerate(("connected", "bytes_in", "bytes_out")):
            total[place] += int(one[key])
    connected = GaugeMetricFamily(
        PREFIX + "peer_connected", "Whether a peer is connected.", labels=["peer"]
    )
    received = _family("peer_received_bytes", "Bytes from a peer, TLS included.", "peer")
    sent = _family("peer_sent_bytes", "Bytes to a peer, TLS included.", "peer")
    for name, (is_connected, bytes_in, bytes_out) in totals.items():
        connected.add_metric([name], is_connected)
        received.add_metric([name], bytes_in)
        sent.add_metric([name], bytes_out)
    yield from (connected, received, sent)


def _family(name: str, what: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, what, labels=[label])


def _counter(name: str, what: str, value: int) -> CounterMetricFamily:
    return CounterMetricFamily(PREFIX + name, what, value)


def _label(name: str) -> str:
    """A name that may not be UTF-8, as text that is."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
