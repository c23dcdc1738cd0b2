"""The cache's rows, queues and files: broken, told, repaired, and clean again."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model.blobs import BlobRow
from realizefs.model.ranges import Ranges
from realizefs.store.allocation import STAT_BLOCK_BYTES
from realizefs.store.keys import pack_u64
from realizefs.store.queues import BlobRows, lru_key
from realizefs.store.schema import BLOB_BUSY, BLOB_LRU, BLOB_META, BLOB_OF, BLOB_ROW
from tests.unit.store.sound import LARGE, Sound

ROWS = BlobRows()
CACHED = b"unreal/cached"
CONTENT = b"cached " * 100


def row_of(sound: Sound, path: bytes = CACHED) -> BlobRow:
    with sound.env.read() as txn:
        row = ROWS.of(txn, sound.ino(path))
    assert row is not None
    return row


def change(sound: Sound, path: bytes, how: Callable[[BlobRow], BlobRow]) -> BlobRow:
    row = how(row_of(sound, path))
    with sound.env.write() as txn:
        ROWS.put(txn, row)
    return row


def put(sound: Sound, table: str, key: bytes, value: bytes) -> None:
    with sound.env.write() as txn:
        txn.put(table, key, value)


def shown(row: BlobRow, path: bytes = CACHED) -> str:
    return f'Blob {row.id:016x} (of "{path.decode()}")'


def lost_and_found(sound: Sound) -> list[bytes]:
    """The contents of what was put there."""
    place = sound.root / ".realize/lost+found"
    return [path.read_bytes() for path in place.iterdir()] if place.exists() else []


def test_a_row_without_its_file(sound: Sound) -> None:
    row = row_of(sound)
    sound.blob_file(CACHED).unlink()
    told = f"{shown(row)} has lost its file; --repair has it fetched again."
    assert sound.told() == [told]
    usage = sound.store.blobs.usage()
    assert sound.repaired() == [told]
    assert not row_of(sound).ranges
    assert sound.store.blobs.usage() == usage - row.usage


def test_a_file_that_is_too_short(sound: Sound) -> None:
    row = row_of(sound)
    os.truncate(sound.blob_file(CACHED), 100)
    told = (
        f"The file of {shown(row)} has 100 bytes and should have 700; --repair forgets what is "
        "missing."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    assert row_of(sound).ranges == Ranges.of(0, 100)
    assert not row_of(sound).verified


def test_a_file_whose_length_cant_be_changed_keeps_its_bytes(
    sound: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was removed, with what it had; the other repairs weren't made."""
    path, row = sound.blob_file(CACHED), row_of(sound)
    os.truncate(path, 100)
    make_orphan(sound, b"nobody knows this")

    def full(_fd: int, _size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", full)
        report = sound.check(repair=True)
    told = (
        f"The file of {shown(row)} has 100 bytes and should have 700; it can't be repaired just "
        "now: No space left on device."
    )
    assert [finding.sentence for finding in report.findings] == [told]
    assert path.read_bytes() == CONTENT[:100]
    assert row_of(sound).ranges == Ranges.of(0, 100)
    assert lost_and_found(sound) == [b"nobody knows this"]
    assert len(sound.repaired()) == 1
    assert path.read_bytes() == CONTENT[:100] + bytes(600)
    assert row_of(sound).ranges == Ranges.of(0, 100)


def test_a_file_that_is_too_long(sound: Sound) -> None:
    row = row_of(sound)
    os.truncate(sound.blob_file(CACHED), 701)
    told = f"The file of {shown(row)} has 701 bytes and should have 700; --repair cuts it."
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    assert row_of(sound).verified


def test_ranges_beyond_the_end(sound: Sound) -> None:
    row = change(sound, CACHED, lambda row: replace(row, ranges=Ranges.of(0, 900)))
    told = (
        f"{shown(row)} is said to have bytes up to 900 of a content of 700; --repair forgets those "
        "beyond the end."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    assert row_of(sound).verified


def test_complete_and_isnt(sound: Sound) -> None:
    row = change(sound, CACHED, lambda row: replace(row, ranges=Ranges.of(0, 10)))
    told = f"{shown(row)} is called complete and isn't; --repair corrects that."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_usage_is_what_the_disk_says(sound: Sound) -> None:
    row = change(sound, CACHED, lambda row: replace(row, usage=row.usage + 10**6))
    takes = sound.blob_file(CACHED).stat().st_blocks * STAT_BLOCK_BYTES
    told = (
        f"{shown(row)} takes {takes} bytes of disk and is counted as {row.usage}; --repair corrects "
        "the count."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    assert row_of(sound).usage == takes


def test_a_blob_that_stands_in_no_queue(sound: Sound) -> None:
    row = row_of(sound)
    with sound.env.write() as txn:
        assert txn.delete(BLOB_LRU, lru_key(row))
    told = f"{shown(row)} stands in no queue; --repair queues it as just used."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_place_in_a_queue_that_is_nobody_s(sound: Sound) -> None:
    row = row_of(sound)
    put(sound, BLOB_LRU, b"\1" + pack_u64(0), pack_u64(row.id))
    told = (
        f"Blob {row.id:016x} stands in a queue where it doesn't belong; --repair removes it from "
        "there."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_blob_that_its_file_doesnt_find(sound: Sound) -> None:
    row = row_of(sound)
    with sound.env.write() as txn:
        assert txn.delete(BLOB_OF, sound.key(CACHED))
    told = f"{shown(row)} isn't found by its file; --repair makes it so."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_file_that_finds_no_blob(sound: Sound) -> None:
    ino = sound.ino(b"unreal/remote")
    put(sound, BLOB_OF, pack_u64(ino), pack_u64(77))
    told = f"The blob {77:016x} of inode {ino} doesn't exist; --repair forgets it."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_two_present_blobs_of_one_file(sound: Sound) -> None:
    row = row_of(sound)
    version = replace(sound.entry(CACHED).version, hash=sound.entry(b"large").version.hash)
    sound.store.blobs.open(row.ino, version).close()
    sound.store.blobs.flush()
    older = replace(row, outdated=False)
    with sound.env.write() as txn:
        ROWS.put(txn, older)
    told = f"{shown(older)} isn't found by its file, another blob is; --repair calls it outdated."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_the_blob_in_use_is_called_outdated(sound: Sound) -> None:
    row = change(sound, CACHED, lambda row: replace(row, outdated=True))
    told = (
        f"{shown(row)} is called outdated and is the one in use; --repair calls it the present one."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_blob_kept_for_nothing(sound: Sound) -> None:
    row = change(sound, CACHED, lambda row: replace(row, protected=True))
    with sound.env.write() as txn:
        sound.store.forget(txn, row.ino)
        ROWS.put(txn, row)
        txn.put(BLOB_OF, pack_u64(row.ino), pack_u64(row.id))
    told = (
        f"Blob {row.id:016x} (of inode {row.ino}) is kept for ever though its file doesn't exist; "
        "--repair lets it be evicted."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


@pytest.mark.parametrize(("name", "what"), [(b"next", "id"), (b"stamp", "use")])
def test_a_number_that_was_never_given_out(sound: Sound, name: bytes, what: str) -> None:
    put(sound, BLOB_META, name, pack_u64(0))
    told = sound.told()
    assert len(told) == 3
    assert told[0].endswith(
        f" has a later {what} than was ever given out; --repair counts on from there."
    )
    mended = sound.repaired()
    assert mended
    assert set(mended) <= set(told)


def test_a_note_about_what_isnt_under_way(sound: Sound) -> None:
    put(sound, BLOB_BUSY, pack_u64(77), b"\1")
    put(sound, BLOB_BUSY, pack_u64(row_of(sound).id), b"\x63")
    told = [
        f"Something is noted to be under way with blob {blob:016x}, which is not so; --repair "
        "removes the note."
        for blob in (row_of(sound).id, 77)
    ]
    assert sound.told() == told
    assert sound.repaired() == told


def test_a_row_that_cant_be_read_keeps_its_file(sound: Sound) -> None:
    row = row_of(sound)
    with sound.env.write() as txn:
        ROWS.put(txn, replace(row, usage=0))  # what can't be read counts as nothing
        txn.put(BLOB_ROW, pack_u64(row.id), b"\xff\xff\xff")
        txn.put(BLOB_META, b"kept", pack_u64(0))
    told = (
        f"The row of blob {row.id:016x} can't be read; --repair removes the row and keeps the file."
    )
    assert told in sound.told()
    assert told in sound.repaired()
    assert row_of(sound).id == row.id
    assert row_of(sound).verified


# Files without a row: R1, the only copy is never removed.


def make_orphan(sound: Sound, content: bytes, blob: int = 0x1234) -> Path:
    path = sound.root / ".realize/blobs" / f"{blob & 255:02x}" / f"{blob:016x}"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def orphan_told(sound: Sound, name: str) -> str:
    return (
        f'The file "blobs/{name}" belongs to no blob; --repair keeps it: in the cache if its content '
        f'is known and isn\'t here, else in "{sound.root}/.realize/lost+found".'
    )


def test_a_file_of_no_blob_is_adopted_where_its_content_is_lacking(sound: Sound) -> None:
    make_orphan(sound, b"elsewhere")
    told = orphan_told(sound, "34/0000000000001234")
    assert sound.told() == [told]
    usage = sound.store.blobs.usage()
    assert sound.repaired() == [told]
    row = row_of(sound, b"unreal/remote")
    assert (row.id, row.verified, row.complete) == (0x1234, True, True)
    assert sound.store.blobs.usage() == usage + row.usage
    blob = sound.store.blobs.open(row.ino, sound.entry(b"unreal/remote").version)
    assert blob.read(0, 100) == b"elsewhere"
    assert blob.id == 0x1234
    blob.close()


def test_a_partial_blob_gives_way_to_an_adopted_complete_one(sound: Sound) -> None:
    partial = row_of(sound, b"unreal/part")
    make_orphan(sound, LARGE + b"part")
    sound.repaired()
    assert row_of(sound, b"unreal/part").complete
    with sound.env.read() as txn:
        before = ROWS.get(txn, partial.id)
    assert before is not None
    assert before.outdated


def test_a_file_of_no_blob_that_nobody_knows_is_put_away(sound: Sound) -> None:
    make_orphan(sound, b"nobody knows this")
    assert sound.repaired() == [orphan_told(sound, "34/0000000000001234")]
    assert lost_and_found(sound) == [b"nobody knows this"]


def test_a_second_copy_of_what_is_here_is_removed(sound: Sound) -> None:
    path = make_orphan(sound, CONTENT)
    sound.repaired()
    assert not path.exists()
    assert lost_and_found(sound) == []
    assert row_of(sound).verified


def test_a_copy_isnt_removed_for_one_that_a_disk_has_changed(sound: Sound) -> None:
    """The row said that the content is here; only its bytes can."""
    rotten = sound.blob_file(CACHED)
    rotten.write_bytes(b"rotten " * 100)
    path = make_orphan(sound, CONTENT)
    sound.check(repair=True)
    assert not path.exists()
    assert lost_and_found(sound) == [CONTENT]


def test_a_file_without_any_bytes_is_removed(sound: Sound) -> None:
    path = make_orphan(sound, b"")
    os.truncate(path, 10**6)
    sound.repaired()
    assert not path.exists()
    assert lost_and_found(sound) == []


def test_things_of_other_names_are_put_away(sound: Sound) -> None:
    (sound.root / ".realize/blobs/stray").write_bytes(b"stray")
    (sound.root / ".realize/blobs/ab").mkdir()
    (sound.root / ".realize/blobs/ab/what").write_bytes(b"what")
    told = [orphan_told(sound, "ab/what"), orphan_told(sound, "stray")]
    assert sound.told() == told
    assert sound.repaired() == told
    assert sorted(lost_and_found(sound)) == [b"stray", b"what"]


def test_a_blob_that_is_being_written_is_left_alone(sound: Sound) -> None:
    """Its row says less than its file has, and what it takes isn't counted yet."""
    version = sound.entry(b"unreal/part").version
    blob = sound.store.blobs.open(sound.ino(b"unreal/part"), version)
    assert blob.write(0, LARGE)
    assert sound.told(deep=True) == []
    blob.close()
