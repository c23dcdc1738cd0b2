"""An older program's database: migrated after a copy is kept, migrated at once, or refused."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from realizefs.model.errors import DiskFull, NewerSchema, OlderSchema, StoreFault
from realizefs.model.upgrade import Upgrade
from realizefs.store import dbdir, kept_copy
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA
from realizefs.store.statedir import discard
from realizefs.store.txn import Txn
from tests.unit.store.old_database import raw_rows, unpack, version_of


@pytest.fixture
def old(memory: Path) -> Path:
    return unpack("arena-1", memory / "state" / "db")


def opened(directory: Path, upgrade: Upgrade) -> None:
    Environment(directory, ARENA_SCHEMA, upgrade=upgrade).close()


def beside(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.parent.iterdir())


def test_the_copy_is_what_the_older_program_can_go_on_with(old: Path) -> None:
    before = raw_rows(old)
    opened(old, Upgrade.COPY)
    assert version_of(old) == ARENA_SCHEMA.version
    assert beside(old) == ["db", "db.format-1"]
    kept = old.with_name("db.format-1")
    assert (version_of(kept), raw_rows(kept)) == (1, before)
    older = replace(ARENA_SCHEMA, steps=())
    with pytest.raises(NewerSchema, match="written by a newer RealizeFS"):
        Environment(old, older)
    Environment(kept, older).close()


def test_a_database_of_this_format_is_not_copied(old: Path) -> None:
    opened(old, Upgrade.MIGRATE)
    opened(old, Upgrade.COPY)
    opened(old, Upgrade.REFUSE)
    assert beside(old) == ["db"]
    opened(old.with_name("new"), Upgrade.COPY)
    assert beside(old) == ["db", "new"]


def test_only_the_latest_copy_is_kept_and_what_a_crash_left_goes(old: Path) -> None:
    for name in ("db.format-0", "db.format-1", "db.format-1.new"):
        old.with_name(name).mkdir()
        (old.with_name(name) / "data.mdb").write_text("older")
    opened(old, Upgrade.COPY)
    assert beside(old) == ["db", "db.format-1"]
    assert version_of(old.with_name("db.format-1")) == 1


def test_it_can_be_refused_and_is_left_as_it_is(old: Path) -> None:
    before = raw_rows(old)
    with pytest.raises(OlderSchema, match=r"format 1, this program's is \d.*upgrade = \"copy\""):
        opened(old, Upgrade.REFUSE)
    assert (version_of(old), raw_rows(old), beside(old)) == (1, before, ["db"])
    opened(old, Upgrade.COPY)
    assert version_of(old) == ARENA_SCHEMA.version


def test_where_no_copy_can_be_kept_nothing_is_migrated(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dbdir, "sync", fail)
    with pytest.raises(StoreFault, match=r"upgrade = \"migrate\""):
        opened(old, Upgrade.COPY)
    monkeypatch.undo()
    assert (version_of(old), beside(old)) == (1, ["db"])


def test_on_a_full_disk_the_sentence_says_so(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = os.statvfs(old)
    full = os.statvfs_result((*disk[:3], 0, 0, *disk[5:]))

    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_copy, "_sync", fail)
    monkeypatch.setattr(os, "statvfs", lambda _path: full)
    with pytest.raises(DiskFull, match="the disk is full"):
        opened(old, Upgrade.COPY)


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("point", range(4))
def test_after_a_crash_at_any_point_it_is_done_again(
    old: Path, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    before, calls = raw_rows(old), iter(range(10))

    def dies_at(function: object) -> object:
        def counted(*arguments: object, **options: object) -> object:
            if next(calls) == point:
                raise Crash
            return function(*arguments, **options)  # type: ignore[operator]

        return counted

    with monkeypatch.context() as patch:
        patch.setattr(kept_copy, "_sync", dies_at(kept_copy._sync))
        patch.setattr(Path, "rename", dies_at(Path.rename))
        patch.setattr(dbdir, "sync", dies_at(dbdir.sync))
        with pytest.raises(Crash):
            opened(old, Upgrade.COPY)
    assert (version_of(old), raw_rows(old)) == (1, before)
    opened(old, Upgrade.COPY)
    assert beside(old) == ["db", "db.format-1"]
    assert raw_rows(old.with_name("db.format-1")) == before


def test_a_step_that_fails_leaves_the_copy_and_the_old_database(old: Path) -> None:
    def fail(_txn: Txn) -> None:
        raise Crash

    broken = replace(ARENA_SCHEMA, steps=(*ARENA_SCHEMA.steps, fail))
    with pytest.raises(Crash):
        Environment(old, broken, upgrade=Upgrade.COPY)
    assert version_of(old) == version_of(old.with_name("db.format-1")) == 1


def test_copies_go_with_the_arena(old: Path) -> None:
    opened(old, Upgrade.COPY)
    discard(old.parent)
    assert not old.parent.exists()
