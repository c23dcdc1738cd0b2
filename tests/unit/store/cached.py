"""A cache by itself, for tests of the blobstore: random contents in it, and a recount of everything."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.ids import Digest, Inode
from realizefs.model.versions import Kind, Version
from realizefs.store.blobs import Blobs
from realizefs.store.env import Environment
from realizefs.store.txn import Txn


class Minutes:
    """A clock that is set by hand, in minutes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now * 60


@contextmanager
def cache(env: Environment, directory: Path, limit: int, clock: Minutes) -> Iterator[Blobs]:
    """A cache below `directory`, checked in the end."""
    (directory / "blobs").mkdir()
    fd = os.open(directory / "blobs", os.O_RDONLY | os.O_DIRECTORY)
    blobs = Blobs(env, fd, at_most(limit), clock)
    yield blobs
    blobs.close()
    check(env, blobs, directory)
    os.close(fd)


def at_most(limit: int) -> CacheLimits:
    return CacheLimits(Amount(limit))


def any_may_go(txn: Txn, ino: Inode, digest: Digest) -> bool:
    return True


def none_may_go(txn: Txn, ino: Inode, digest: Digest) -> bool:
    return False


def version(name: str, size: int) -> Version:
    return Version(Kind.FILE, hash=Digest(name.encode().ljust(32, b".")), size=size)


def fill(blobs: Blobs, ino: int, name: str, size: int) -> bytes:
    """A complete blob with random content, closed again."""
    data = os.urandom(size)
    blob = blobs.open(Inode(ino), version(name, size))
    assert blobs.store(blob, 0, data, any_may_go)
    blob.close()
    return data


def contents(blobs: Blobs, ino: int, name: str, size: int) -> bytes | None:
    blob = blobs.open_existing(Inode(ino), version(name, size).hash)
    if blob is None:
        return None
    try:
        return blob.read(0, size)
    finally:
        blob.close()


def disk_usage(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def check(env: Environment, blobs: Blobs, directory: Path) -> None:
    """Rows, queues, sums and files agree; for a store at rest."""
    with env.read() as txn:
        rows = [key for key, _ in txn.scan("blob.row")]
        assert sorted(value for _, value in txn.scan("blob.lru")) == rows
        assert {value for _, value in txn.scan("blob.of")} <= set(rows)
        names = {path.name.encode() for path in (directory / "blobs").rglob("*") if path.is_file()}
        assert names == {key.hex().encode() for key in rows}
        used = txn.get("blob.meta", b"used") or b""
        assert int.from_bytes(used, "big") == blobs.usage() == disk_usage(directory / "blobs")
