"""What a failure of a transfer says: what was done, with which path, who failed, and why, once."""

import errno
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from realizefs.core.calls import Request
from realizefs.model.errors import Busy, RealizeError, RequestFailed, Unreachable, VersionGone
from realizefs.model.marks import Mark
from realizefs.sync.arena import Arena
from tests.fakes.peer import introduce, running_peer, until, write
from tests.fakes.two_peers import owner_and_watcher

Refusal = Callable[[Arena, Request], Awaitable[bytes]]


def refusing(error: Exception) -> Refusal:
    async def refuse(_self: Arena, _request: Request) -> bytes:
        await trio.lowlevel.checkpoint()
        raise error

    return refuse


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            OSError(errno.EIO, "Input/output error", "/srv/secret/d/f"),
            RequestFailed,
            (
                '"d/f" could not be read from any peer. '
                "desk: Its file can't be read: Input/output error."
            ),
        ),
        (
            Busy('"d/f" is being changed just now.'),
            RequestFailed,
            '"d/f" could not be read from any peer. desk: "d/f" is being changed just now.',
        ),
        (
            VersionGone('"d/f" changed just now.'),
            VersionGone,
            'This version of "d/f" no longer exists at any peer.',
        ),
    ],
    ids=["disk", "busy", "gone"],
)
async def test_it_names_the_peer_and_the_cause_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    kind: type[RealizeError],
    said: str,
) -> None:
    files = {"d/f": b"content"}
    async with owner_and_watcher(tmp_path, files, names=("desk", "lap")) as (_, lap):
        monkeypatch.setattr(Arena, "serve", refusing(error))
        with caplog.at_level(logging.DEBUG, "realizefs.sync"), pytest.raises(kind) as caught:
            await lap.read("d/f")
        assert str(caught.value) == said
        assert "\n" not in said
        # On the side that asked, too, whatever it makes of it.
        asked = [one.message for one in caplog.records if one.levelno == logging.DEBUG]
        assert any(one.startswith('Asked for "d/f": desk: ') for one in asked), asked
        assert "/srv/secret" not in caplog.text, "what a disk is called is nobody else's business"


async def test_who_has_it_and_isnt_there_is_named(tmp_path: Path) -> None:
    write(tmp_path / "desk/root", "f", b"content")
    async with running_peer(tmp_path / "lap", "lap") as lap:
        async with running_peer(tmp_path / "desk", "desk", mark=Mark.OWN) as desk:
            await introduce(desk, lap)
            await until(lambda: lap.status("f") == "remote")
        await until(lambda: not lap.arena.context.links.any_connected)
        with pytest.raises(Unreachable) as caught:
            await lap.read("f")
        assert str(caught.value) == (
            '"f" is not here and no peer that holds it is connected (desk).'
        )
