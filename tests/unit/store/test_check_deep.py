"""Bytes that are not what they should be: told, with who has the right ones, and never overwritten."""

import os

from realizefs.model.decisions import Action
from realizefs.model.entries import RealRow
from realizefs.model.limits import BLOCK_BYTES_MIN
from realizefs.model.ranges import Ranges
from realizefs.model.versions import Held
from realizefs.store.queues import BlobRows
from tests.unit.store.sound import LARGE, SMALL, Sound
from tests.unit.store.test_check_blobs import lost_and_found, row_of, shown


def flip(sound: Sound, path: str, at: int) -> None:
    """A bit of a real file turns over on its disk: neither size nor times tell of it."""
    native = sound.root / path
    with native.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))
    row = RealRow(
        sound.store.root.fingerprint(path.encode()), sound.entry(path.encode()).version.hash
    )
    with sound.env.write() as txn:
        sound.store.real.put(txn, sound.ino(path.encode()), row)


def flip_blob(sound: Sound, path: bytes, at: int) -> None:
    fd = os.open(sound.blob_file(path), os.O_RDWR)
    byte = os.pread(fd, 1, at)
    os.pwrite(fd, bytes([byte[0] ^ 1]), at)
    os.close(fd)


def test_a_rotten_real_file_that_another_peer_owns(sound: Sound) -> None:
    flip(sound, "d/real", 50)
    sound.held_by_desk(b"d/real")
    told = (
        'The bytes of "d/real" are not those that were indexed, and nobody changed it (desk has the '
        f'right ones); --repair moves it to "{sound.root}/.realize/lost+found" and has it fetched '
        "as its mark asks."
    )
    assert sound.told() == []
    assert sound.told(deep=True) == [told]
    assert sound.repaired(deep=True) == [told]
    (kept,) = lost_and_found(sound)
    assert len(kept) == len(SMALL)
    ino = sound.ino(b"d/real")
    with sound.env.read() as txn:
        assert sound.store.real.get(txn, ino) is None  # so peers hear that we don't have it
        assert sound.store.decisions.get(txn, ino) is None
        assert sound.entry(b"d/real").seq == sound.store.tree.positions.last(txn)
        assert ino in dict(sound.store.dirty.take(txn, 100))
    assert not (sound.root / "d/real").exists()
    assert not sound.entry(b"d/real").version.deleted


def test_a_rotten_real_file_that_nobody_else_has_stays(sound: Sound) -> None:
    flip(sound, "d/real", 50)
    told = (
        'The bytes of "d/real" are not those that were indexed, and nobody changed it; nobody else '
        'is known to have the right ones, so restore it from a backup, or "touch" it to have it '
        "shared as it is."
    )
    assert sound.told(deep=True) == [told]
    report = sound.check(repair=True, deep=True)
    assert [finding.sentence for finding in report.findings] == [told]
    assert (sound.root / "d/real").exists()
    assert report.repaired == 0


def test_a_repair_that_is_killed_leaves_no_deletion(sound: Sound) -> None:
    """Noted as leaving before it leaves: what is found missing then isn't the user's will (R8)."""
    flip(sound, "d/real", 50)
    sound.held_by_desk(b"d/real")
    ino = sound.ino(b"d/real")
    with (sound.root / "d/real").open("rb"):  # somebody has it open: it can't be moved
        report = sound.check(repair=True, deep=True)
        (finding,) = report.findings
        assert "can't be repaired just now" in finding.sentence
    with sound.env.read() as txn:
        assert sound.store.decisions.get(txn, ino) is None
        assert sound.store.real.get(txn, ino) is not None
    commits: list[Action | None] = []

    def see() -> None:
        with sound.env.read() as txn:
            decision = sound.store.decisions.get(txn, ino)
            commits.append(decision.action if decision else None)

    adopt = sound.store.root.adopt

    def watched(*arguments: object, **options: object) -> None:
        see()
        adopt(*arguments, **options)  # type: ignore[arg-type]

    setattr(sound.store.root, "adopt", watched)  # noqa: B010 - mypy
    sound.repaired(deep=True)
    assert commits == [Action.UNREALIZE]


def test_a_file_that_its_user_changed_is_no_finding(sound: Sound) -> None:
    (sound.root / "d/real").write_bytes(b"edited")
    report = sound.check(deep=True)
    assert report.found == 0
    assert report.notes == [
        "One file differs from what was indexed, and is indexed at the next start."
    ]


def test_a_wrong_block_of_a_blob_is_forgotten_and_no_more(sound: Sound) -> None:
    flip_blob(sound, b"unreal/large", BLOCK_BYTES_MIN + 5)
    sound.held_by_desk(b"unreal/large")
    row = row_of(sound, b"unreal/large")
    told = (
        f'Of blob {row.id:016x} (of "unreal/large") {BLOCK_BYTES_MIN} bytes are wrong (desk has '
        "the right ones); --repair forgets them, and they are fetched again."
    )
    assert sound.told() == []
    assert sound.told(deep=True) == [told]
    assert sound.repaired(deep=True) == [told]
    after = row_of(sound, b"unreal/large")
    assert not after.verified
    wrong = Ranges.of(BLOCK_BYTES_MIN, 2 * BLOCK_BYTES_MIN)
    assert after.ranges.missing(0, row.size) == wrong


def test_a_wrong_byte_of_a_partial_blob(sound: Sound) -> None:
    flip_blob(sound, b"unreal/part", 5)
    sound.held_by_desk(b"unreal/part")
    (told,) = sound.told(deep=True)
    assert f"{BLOCK_BYTES_MIN} bytes are wrong" in told
    assert sound.repaired(deep=True) == [told]


def test_a_wrong_blob_that_is_the_only_copy_is_kept(sound: Sound) -> None:
    flip_blob(sound, b"unreal/cached", 5)
    row = row_of(sound)
    told = (
        f'Of blob {row.id:016x} (of "unreal/cached") 700 bytes are wrong; nobody else is known to '
        "have the right ones, so it is kept as it is."
    )
    assert sound.told(deep=True) == [told]
    report = sound.check(repair=True, deep=True)
    assert [finding.sentence for finding in report.findings] == [told]
    assert row_of(sound).ranges == row.ranges
    assert shown(row) in f'Blob {row.id:016x} (of "unreal/cached")'


def test_a_wrong_blob_that_somebody_reads_is_empty_to_him(sound: Sound) -> None:
    sound.held_by_desk(b"unreal/cached")
    version = sound.entry(b"unreal/cached").version
    reader = sound.store.blobs.open(sound.ino(b"unreal/cached"), version)
    flip_blob(sound, b"unreal/cached", 5)
    sound.repaired(deep=True)
    assert reader.read(0, 10) is None
    reader.close()


def test_who_holds_a_copy_is_named(sound: Sound) -> None:
    flip_blob(sound, b"unreal/cached", 5)
    sound.held_by_desk(b"unreal/cached")
    with sound.env.read() as txn:
        (holder,) = sound.store.holders.of(txn, sound.ino(b"unreal/cached"))
        assert holder.held is Held.OWN
        assert BlobRows().of(txn, sound.ino(b"unreal/cached")) is not None
    (told,) = sound.told(deep=True)
    assert "(desk has the right ones)" in told


def test_large_and_small_are_all_looked_at(sound: Sound) -> None:
    report = sound.check(deep=True)
    assert report.looked_at["hashed blobs"] == 3
    assert report.looked_at["hashed real files"] == 3  # a directory among them
    assert len(LARGE) > BLOCK_BYTES_MIN
