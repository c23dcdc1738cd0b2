"""Scenarios in which something is broken, and a repair of it is interrupted."""

import os
from dataclasses import replace
from pathlib import Path

from realizefs.model.blobs import BlobRow
from realizefs.model.ids import BlobId
from realizefs.model.marks import Mark
from realizefs.store.keys import pack_pair, pack_place, pack_u64
from realizefs.store.queues import BlobRows, lru_key
from realizefs.store.schema import (
    BLOB_LRU,
    BLOB_META,
    DIRENT,
    DIRTY,
    ENTRY,
    HISTORY,
    META,
    REAL,
    RETRY,
)
from realizefs.store.txn import Txn
from tests.crash.caching import _two_cached
from tests.crash.scenario import EDIT, LARGE, NEW, OLD, Scenario
from tests.crash.world import World

_ROWS = BlobRows()
_STRANGE = b"nobody knows what this is " * 300
_NOBODY = 10_000
"""An inode, and a blob, that don't exist."""


async def _mend(world: World) -> None:
    """What this leaves wrong in contents is found at the end, when all bytes are looked at."""
    await world.check(repair=True, deep=False)


async def _mend_contents(world: World) -> None:
    await world.check(repair=True, deep=True)


async def _everything(world: World) -> None:
    """Two files in the cache, which the peer has, and a real one, which it has, too."""
    await _two_cached(world)
    world.write("e/f", OLD)
    await world.set_mark("d", Mark.KEEP)
    await world.index()
    await world.set_mark("e", Mark.OWN)
    await world.work()
    entry = world.entry("e/f")
    assert entry is not None
    await world.peer_tells("e/f", entry.version)
    await world.work()


async def _wrong_rows(world: World) -> None:
    """Of each kind that a repair of the database alone puts right."""
    await _everything(world)
    store, tree = world.store, world.store.tree
    with store.env.write() as txn:
        f, d = (tree.entry_at(txn, path) for path in (b"d/f", b"d"))
        real = tree.entry_at(txn, b"e/f")
        assert f is not None
        assert d is not None
        assert real is not None
        row = _row(txn, world, b"d/f")
        txn.delete(DIRENT, pack_place(f.parent, f.name))
        txn.put(DIRENT, pack_place(d.ino, b"nothing"), pack_u64(_NOBODY) + bytes(20))
        txn.delete(HISTORY, pack_u64(real.seq))
        txn.put(ENTRY, pack_u64(real.ino), b"\xff nonsense")
        txn.delete(BLOB_LRU, lru_key(row))
        txn.put(META, b"files", pack_u64(77))
        txn.put(BLOB_META, b"used", pack_u64(1))
        txn.put(DIRTY, pack_u64(_NOBODY), pack_u64(1))
        txn.put(RETRY, pack_pair(5, _NOBODY), b"")
        txn.put(REAL, pack_u64(_NOBODY), b"")


async def _strange_files(world: World) -> None:
    """A file whose row is gone, one that nobody knows, a row without a file, one with half of it."""
    await _everything(world)
    world.write("e/g", EDIT)
    await world.index()
    with world.store.env.write() as txn:
        gone, short = (_row(txn, world, path) for path in (b"d/f", b"d/g"))
        _ROWS.delete(txn, gone)
        world.store.blobs.corrected(txn, -gone.usage)
    os.truncate(_file(world, short.id), len(LARGE) // 2)
    _file(world, BlobId(_NOBODY)).parent.mkdir(exist_ok=True)
    _file(world, BlobId(_NOBODY)).write_bytes(EDIT)
    _file(world, BlobId(_NOBODY)).with_name("strange").write_bytes(_STRANGE)


async def _wrong_bytes(world: World) -> None:
    """A disk has turned bits over, in the root and in the cache."""
    await _everything(world)
    _flip(world.root / "e/f")
    ino, fingerprint = world.ino("e/f"), world.store.root.fingerprint(b"e/f")
    with world.store.env.write() as txn:
        real = world.store.real.get(txn, ino)
        assert real is not None
        world.store.real.put(txn, ino, replace(real, fingerprint=fingerprint))
        row = _row(txn, world, b"d/g")
    _flip(_file(world, row.id))


def _row(txn: Txn, world: World, path: bytes) -> BlobRow:
    ino = world.store.tree.resolve(txn, path)
    row = _ROWS.of(txn, ino) if ino is not None else None
    assert row is not None
    return row


def _file(world: World, blob: BlobId) -> Path:
    return world.state / "blobs" / os.fsdecode(world.store.blobs.moves.file_name(blob))


def _flip(file: Path) -> None:
    """A bit of the middle."""
    content, times = bytearray(file.read_bytes()), file.stat()
    content[len(content) // 2] ^= 1
    with file.open("r+b") as opened:
        opened.write(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


MENDING: dict[str, Scenario] = {
    "repair rows": Scenario(_wrong_rows, _mend, (OLD, NEW, LARGE), repairs=True),
    "repair the files of the cache": Scenario(
        _strange_files, _mend, (OLD, NEW, EDIT, _STRANGE), repairs=True
    ),
    "repair wrong bytes": Scenario(_wrong_bytes, _mend_contents, (NEW,), repairs=True),
}
