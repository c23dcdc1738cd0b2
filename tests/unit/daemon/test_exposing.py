"""Metrics for Prometheus: the configuration, the text, and who may ask."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from realizefs.core.counting import Latency
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.exposing import Exposing
from realizefs.daemon.exposition import exposition
from realizefs.daemon.live_commands import metrics
from realizefs.model.entries import PeerCard
from realizefs.model.errors import BadConfig
from tests.fakes.daemon import Asker, FakeShells, fake_home, running
from tests.fakes.wire import identity


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """By name and values of labels, by these' names, as another program reads them."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text.decode()):
        for one in family.samples:
            key = (one.name, *(value for _, value in sorted(one.labels.items())))
            assert key not in found, key
            found[key] = one.value
    return found


async def counted(ask: Asker, tmp_path: Path) -> bytes:
    await ask("arena-add", name="photos", directory=str(tmp_path / "photos"))
    counts = ask.app.mount_counts
    counts.operation("read").took(100e-6)
    counts.operation("read").took(1.5)
    counts.operation("read").failed += 1
    counts.reader(b'evil\xff"\n').bytes += 5
    for name in ("lap", "nas"):
        who = identity(name)
        await ask.app.parts.roster.add(PeerCard(who.peer, "same name", who.certificate, (), ()))
        ask.app.parts.household.acquaintances.of(who.peer).wire.bytes_in += 7
    return exposition(await metrics(ask.app, Arguments({})))


async def test_prometheus_reads_what_was_counted(tmp_path: Path) -> None:
    async with running(fake_home(tmp_path), FakeShells()) as ask:
        found = samples(await counted(ask, tmp_path))
    durations = "realizefs_fuse_ops_durations_histogram_seconds"
    assert found[f"{durations}_count", "read"] == 2
    assert found[f"{durations}_sum", "read"] == 1.5001
    assert found[f"{durations}_bucket", "0.000128", "read"] == 1
    assert found[f"{durations}_bucket", "+Inf", "read"] == 2
    assert found["realizefs_fuse_ops_errors_total", "read"] == 1
    assert found["realizefs_fuse_read_size_bytes_total", 'evil\\udcff"\n'] == 5
    assert found["realizefs_peer_received_bytes_total", "same name"] == 14
    assert found["realizefs_peer_connected", "same name"] == 0
    assert found["realizefs_queue_length", "photos", "for_peer"] == 0
    assert found["realizefs_blockcache_hit_bytes_total", "photos"] == 0
    assert found["realizefs_uptime",] >= 0
    assert len(list(Latency().cumulated())) == sum(
        name[0] == f"{durations}_bucket" for name in found
    )


async def ask_http(address: str, request: str) -> bytes:
    host, _, port = address.rpartition(":")
    stream = await trio.open_tcp_stream(host, int(port))
    async with stream:
        with trio.fail_after(30):
            await stream.send_all(request.encode())
            await stream.send_eof()
            return b"".join([part async for part in stream])


async def test_only_this_machine_may_ask_and_only_read(tmp_path: Path) -> None:
    async with running(fake_home(tmp_path), FakeShells()) as ask, trio.open_nursery() as nursery:
        exposing = Exposing()

        async def tell() -> Mapping[str, object]:
            return await metrics(ask.app, Arguments({}))

        nursery.start_soon(exposing.run, "127.0.0.1:0", tell)
        with trio.fail_after(30):
            while not exposing.bound:
                await trio.lowlevel.checkpoint()
        for host, request, status in (
            (exposing.bound, "GET /metrics", b"200"),
            ("localhost", "GET /metrics", b"200"),
            ("evil.example", "GET /metrics", b"403"),
            ("127.0.0.1.evil.example:80", "GET /metrics", b"403"),
            (exposing.bound, "POST /metrics", b"405"),
            (exposing.bound, "GET /", b"404"),
        ):
            back = await ask_http(exposing.bound, f"{request} HTTP/1.1\r\nHost: {host}\r\n\r\n")
            assert back.split()[1] == status, (host, request)
        nursery.cancel_scope.cancel()


async def test_a_port_that_is_taken_is_a_problem_of_status(tmp_path: Path) -> None:
    async with running(fake_home(tmp_path), FakeShells()) as ask, trio.open_nursery() as nursery:
        taken = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        port = taken.socket.getsockname()[1]
        tell = partial(metrics, ask.app, Arguments({}))
        nursery.start_soon(ask.app.exposing.run, f"127.0.0.1:{port}", tell)
        with trio.fail_after(30):
            while not ask.app.exposing.problems:
                await trio.lowlevel.checkpoint()
        assert f"127.0.0.1:{port}" in (await ask("status"))["problems"][0]
        nursery.cancel_scope.cancel()
        await taken.aclose()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('listen = "0.0.0.0:9410"', "reached from outside"),
        ('listen = "192.0.2.1:9410"', "reached from outside"),
        ('listen = "here"', "no 127.0.0.1:PORT"),
        ("listen = 9410", "must be"),
        ("port = 9410", "is not known"),
    ],
)
def test_where_nobody_outside_may_ask_is_checked(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f'name = "desk"\n[metrics]\n{line}\n')
    with pytest.raises(BadConfig, match=f"line 3: .*{says}"):
        read_config(path)


def test_it_is_off_unless_said(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('name = "desk"\n')
    assert read_config(path).metrics is None
    path.write_text('name = "desk"\n[metrics]\nlisten = "[::1]:9410"\n')
    assert read_config(path).metrics == "[::1]:9410"
