"""Databases that older programs wrote, from tests/data.

`arena-1.mdb.xz` and `home-1.mdb.xz` were written by the program when its arena schema was 1, with
the public API of its store: `open_arena` on an empty root, then one transaction of `tree.put`,
`real.put`, `holders.put`, `cursors.set_*`, `marks.set`, `decisions.put`, `dirty.mark`,
`dirty.mark_subtree`, `blocks.put` and `BlobRows.create` with the values that `test_migrate` expects,
`InodeAllocator.next_range` for two arenas, `Roster.put` and `Invitations.put`. Then
`lmdb.Environment.copy(compact=True)`, and xz of the data.mdb. `arena-2.mdb.xz` was written with the
same values when the schema was 2, its entries and real files as packed messages with tags that don't
depend on the numbers; homes haven't changed since 1. A new schema gets new files
beside these, made in the same way before the code changes; these are never made anew.
"""

import lzma
from pathlib import Path

import lmdb

DATA = Path(__file__).parents[2] / "data"


def unpack(name: str, directory: Path) -> Path:
    """The database `name` of tests/data as `directory`; returns that."""
    directory.mkdir(parents=True)
    packed = (DATA / f"{name}.mdb.xz").read_bytes()
    (directory / "data.mdb").write_bytes(lzma.decompress(packed))
    return directory


def raw_rows(directory: Path) -> dict[str, dict[bytes, bytes]]:
    """Every table, read with nothing of ours."""
    opened = lmdb.open(str(directory), readonly=True, lock=False, max_dbs=64)
    try:
        with opened.begin() as txn:
            names = [key for key, _ in txn.cursor()]
            tables = {name.decode(): opened.open_db(name, txn=txn, create=False) for name in names}
            return {name: dict(txn.cursor(table)) for name, table in tables.items()}
    finally:
        opened.close()


def version_of(directory: Path) -> int:
    return int.from_bytes(raw_rows(directory)["schema"][b"version"], "big")
