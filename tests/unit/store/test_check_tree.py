"""Each promise of the tree's tables: broken, told, repaired, and clean again."""

from dataclasses import replace

import pytest

from realizefs.codec.index_records import encode_entry
from realizefs.model.entries import Entry
from realizefs.model.ids import Inode
from realizefs.model.versions import Kind, Version
from realizefs.store.keys import pack_place, pack_u64
from realizefs.store.schema import BLOB_META, DIRENT, ENGINE_META, ENTRY, HISTORY, META
from tests.unit.store.sound import LARGE, SMALL, Sound


def put(sound: Sound, table: str, key: bytes, value: bytes) -> None:
    with sound.env.write() as txn:
        txn.put(table, key, value)


def delete(sound: Sound, table: str, key: bytes) -> None:
    with sound.env.write() as txn:
        assert txn.delete(table, key)


def rewrite(sound: Sound, entry: Entry, **changes: object) -> None:
    """An entry's record alone, whatever else says so."""
    put(sound, ENTRY, pack_u64(entry.ino), encode_entry(replace(entry, **changes)))  # type: ignore[arg-type]


def place(sound: Sound, path: bytes) -> bytes:
    entry = sound.entry(path)
    return pack_place(entry.parent, entry.name)


def test_what_is_as_it_should_be_is_not_complained_of(sound: Sound) -> None:
    report = sound.check(deep=True)
    assert [finding.sentence for finding in report.findings] == []
    assert report.notes == []
    assert report.looked_at["entries"] == 10
    assert report.looked_at["blobs"] == 3
    assert sound.repaired() == []


def test_a_name_is_missing(sound: Sound) -> None:
    delete(sound, DIRENT, place(sound, b"d/real"))
    told = '"d/real" is in no listing; --repair writes its name.'
    assert told in sound.told()
    assert told in sound.repaired()
    assert sound.entry(b"d/real").version.size == len(SMALL)


def test_a_listing_disagrees_with_its_entry(sound: Sound) -> None:
    entry = sound.entry(b"large")
    rewrite(sound, entry, version=replace(entry.version, size=5))
    told = 'The listing of "large" is out of date; --repair writes it anew.'
    assert told in sound.told()
    assert told in sound.repaired()


def test_a_name_leads_to_nothing(sound: Sound) -> None:
    ino = sound.ino(b"unreal/remote")
    with sound.env.write() as txn:
        txn.delete(ENTRY, pack_u64(ino))
    assert (
        f'The name "remote" in "unreal" leads to inode {ino}, which doesn\'t exist; '
        "--repair removes the name."
    ) in sound.told()
    assert len(sound.repaired()) >= 3  # its name, its history and what was noted about it


def test_two_names_lead_to_one_entry(sound: Sound) -> None:
    with sound.env.write() as txn:
        value = txn.get(DIRENT, place(sound, b"large"))
        assert value is not None
        txn.put(DIRENT, pack_place(sound.store.tree.root, b"twin"), value)
    ino = sound.ino(b"large")
    told = (
        f'The name "twin" in "/" leads to inode {ino}, whose place is "large"; '
        "--repair removes the name."
    )
    assert told in sound.told()
    assert told in sound.repaired()


def test_a_damaged_name_is_written_anew(sound: Sound) -> None:
    put(sound, DIRENT, place(sound, b"large"), b"damaged")
    told = 'The name "large" in "/" is damaged; --repair writes it anew.'
    assert told in sound.told()
    assert told in sound.repaired()
    assert sound.entry(b"large").version.size == len(LARGE)


def test_an_entry_without_history(sound: Sound) -> None:
    delete(sound, HISTORY, pack_u64(sound.entry(b"large").seq))
    told = '"large" has no row in the history; --repair adds one, and peers hear of it again.'
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_a_row_of_history_too_many(sound: Sound) -> None:
    entry = sound.entry(b"large")
    with sound.env.write() as txn:
        seq = txn.count_up(META, b"seq")
        txn.put(HISTORY, pack_u64(seq), pack_u64(entry.ino))
    told = (
        f"Change {seq} of the history is of inode {entry.ino} and not its latest; "
        "--repair removes it from the history."
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]


def test_the_history_counts_less_than_it_has(sound: Sound) -> None:
    with sound.env.write() as txn:
        last = txn.counter(META, b"seq")
        txn.count_up(META, b"seq", -3)
    told = (
        f"The history goes to change {last} and counts only {last - 3}; "
        "--repair counts on from there."
    )
    assert told in sound.told()
    assert sound.repaired() == [told]


def test_an_entry_that_lost_its_place_and_has_bytes_gets_a_name(sound: Sound) -> None:
    entry = sound.entry(b"unreal/cached")
    delete(sound, DIRENT, pack_place(entry.parent, entry.name))
    rewrite(sound, entry, parent=Inode(0), name=b"")
    told = (
        f'Inode {entry.ino} has no place in the tree; --repair calls it "recovered {entry.ino}" '
        "in the arena root."
    )
    assert told in sound.told()
    assert told in sound.repaired()
    assert sound.entry(b"recovered %d" % entry.ino).version == entry.version


def test_an_entry_that_lost_its_place_and_has_nothing_is_asked_for(sound: Sound) -> None:
    """Peers know where it is: their history is asked for from its start."""
    entry = sound.entry(b"unreal/remote")
    delete(sound, DIRENT, pack_place(entry.parent, entry.name))
    rewrite(sound, entry, parent=Inode(999_999))
    told = (
        f'Inode {entry.ino} (once called "remote") is in a directory that doesn\'t exist, inode '
        "999999; --repair forgets it, and asks the peers for what they know."
    )
    assert told in sound.told()
    assert told in sound.repaired()
    with sound.env.read() as txn:
        assert list(txn.scan_keys("acache.cursor")) == [pack_u64(8) + b">"]


def test_two_entries_say_that_they_have_one_place(sound: Sound) -> None:
    entry = sound.entry(b"unreal/cached")
    delete(sound, DIRENT, pack_place(entry.parent, entry.name))
    rewrite(sound, entry, name=b"part")
    assert (
        f'Inode {entry.ino} (once called "part") has lost its name to another entry; --repair calls '
        f'it "recovered {entry.ino}" in the arena root.'
    ) in sound.told()
    sound.repaired()
    assert sound.entry(b"recovered %d" % entry.ino).version == entry.version


def test_a_directory_below_itself(sound: Sound) -> None:
    outer, inner = sound.directory_at(b"outer"), sound.directory_at(b"outer/inner")
    sound.put(b"outer/inner/file", Version(Kind.FILE))
    with sound.env.write() as txn:
        sound.store.tree.move(txn, outer, inner, b"outer")
    told = (
        f'Inode {outer} (once called "outer") is a directory below itself; --repair calls it '
        f'"recovered {outer}" in the arena root.'
    )
    assert sound.told() == [told]
    assert sound.repaired() == [told]
    assert sound.entry(b"recovered %d/inner/file" % outer).version.kind is Kind.FILE


def test_something_alive_in_what_is_deleted(sound: Sound) -> None:
    entry = sound.entry(b"unreal")
    with sound.env.write() as txn:
        dead = Version(Kind.DIRECTORY, deleted=True, vector=entry.version.vector)
        sound.store.tree.put(txn, entry.ino, entry.parent, entry.name, dead)
    told = '"unreal/remote" exists and what it is in is deleted; --repair makes that a directory again.'
    assert told in sound.told()
    assert told in sound.repaired()
    assert not sound.entry(b"unreal").version.deleted


@pytest.mark.parametrize(
    ("table", "key", "what", "total"),
    [
        (META, b"files", "files in the tree", 6),
        (META, b"directories", "directories in the tree", 2),
        (META, b"symlinks", "symlinks in the tree", 0),
        (META, b"real", "bytes of real files", len(SMALL) + len(LARGE)),
        (ENGINE_META, b"folders", "folders that wait to be removed", 0),
    ],
)
def test_a_total_is_wrong(sound: Sound, table: str, key: bytes, what: str, total: int) -> None:
    with sound.env.write() as txn:
        txn.count_up(table, key, 5)
    told = f"The total of {what} is {total + 5} and should be {total}; --repair corrects it."
    assert sound.told() == [told]
    assert sound.repaired() == [told]


@pytest.mark.parametrize("key", [b"used", b"kept"])
def test_a_total_of_the_cache_is_wrong(sound: Sound, key: bytes) -> None:
    put(sound, BLOB_META, key, pack_u64(1))
    (told,) = sound.told()
    assert told.startswith("The total of bytes of disk that ")
    assert sound.repaired() == [told]


def test_a_record_that_cant_be_read_is_rebuilt_from_the_real_file(sound: Sound) -> None:
    before = sound.entry(b"large")
    put(sound, ENTRY, pack_u64(before.ino), b"\xff\xff\xff")
    told = (
        f"The record of inode {before.ino} can't be read; --repair makes it anew from what else is "
        "known of it."
    )
    assert told in sound.told()
    assert told in sound.repaired()
    after = sound.entry(b"large").version
    assert (after.hash, after.block_root) == (before.version.hash, before.version.block_root)


def test_a_directory_that_cant_be_read_keeps_what_is_in_it(sound: Sound) -> None:
    put(sound, ENTRY, sound.key(b"unreal"), b"\xff\xff\xff")
    sound.repaired()
    assert sound.entry(b"unreal/cached").version.size == 700


def test_a_record_that_cant_be_read_and_is_nowhere_else_is_asked_for(sound: Sound) -> None:
    ino = sound.ino(b"unreal/remote")
    put(sound, ENTRY, pack_u64(ino), b"\xff\xff\xff")
    assert (
        f"The record of inode {ino} can't be read; --repair forgets it, and asks the peers for "
        "what they know."
    ) in sound.told()
    sound.repaired()


def test_the_root_is_no_root(sound: Sound) -> None:
    with sound.env.read() as txn:
        root = sound.store.tree.entry(txn, sound.store.tree.root)
    assert root is not None
    rewrite(sound, root, version=Version(Kind.FILE))
    told = "The entry of the arena's root is not that of a root; --repair makes it anew."
    assert told in sound.told()
    assert told in sound.repaired()
