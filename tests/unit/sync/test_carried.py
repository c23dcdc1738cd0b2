"""What a job left half done is no edit of a user's."""

from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model.errors import Busy
from realizefs.store.fingerprint import NEVER_INDEXED
from tests.fakes.peer import until, write
from tests.fakes.two_peers import two_owners


async def not_yet(*_: object) -> None:
    raise Busy("Not yet.")


async def test_what_was_renamed_as_it_became_real_is_replaced_by_what_came_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row says only which content it is; each look at it was taken for a change."""
    async with two_owners(tmp_path, {"f": b"old"}) as (a, b):
        await until(lambda: not b.arena.status()["pending"])
        with monkeypatch.context() as patch:
            patch.setattr(b.arena.fetcher, "complete", not_yet)
            write(a.root, "f", b"the newer one")
            ino = b.arena.resolve(b"f")
            await until(lambda: b.arena.describe(ino).size == len(b"the newer one"))
            with b.store.env.write() as txn:
                real = b.store.real.get(txn, ino)
                assert real is not None
                b.store.real.put(txn, ino, replace(real, fingerprint=NEVER_INDEXED))
            b.arena.touched(b"f")
            await until(lambda: not b.arena.scanner.is_pending(b"f"))
            with b.store.env.read() as txn:
                known = b.store.real.get(txn, ino)
            assert known == replace(real, fingerprint=b.store.root.fingerprint(b"f"))
        entry = a.entry("f")
        assert entry is not None
        assert len(entry.version.vector) == 1, "nobody else has changed it"
        await until(lambda: (b.root / "f").read_bytes() == b"the newer one")
        assert b.paths() == {"f"}
