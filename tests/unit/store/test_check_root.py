"""The index against the arena root; where the arena runs, what differs for long is looked at again."""

import os
import shutil

import pytest

from realizefs.model.findings import Report
from realizefs.store.check import Means, kept_in
from realizefs.store.check_arena import Household, check_arena
from realizefs.store.check_root import RootRules
from realizefs.store.inodes import InodeAllocator
from tests.unit.store.sound import ARENA, ME, NAMES, Sound


class Running:
    """A check of an arena that runs: a scanner that notes what it is told, and does nothing."""

    def __init__(self, sound: Sound) -> None:
        self.sound = sound
        self.touched: list[bytes] = []
        self.pending: set[bytes] = set()
        self.pauses = 0

    def check(self, *, repair: bool = False) -> Report:
        sound = self.sound
        means = Means(sound.env, kept_in(sound.env), pause=self.pause, repair=repair)
        household = Household(ME, lambda peer: NAMES[peer], InodeAllocator(sound.global_env), ARENA)
        root = RootRules(sound.store, self.touched.append, self.pending.__contains__)
        return check_arena(Report("arena"), sound.store, household, means, root=root)

    def pause(self) -> None:
        self.pauses += 1

    def told(self) -> list[str]:
        return [finding.sentence for finding in self.check().findings]


@pytest.fixture
def running(sound: Sound) -> Running:
    return Running(sound)


def test_a_running_arena_as_it_should_be(running: Running) -> None:
    assert running.told() == []
    assert running.pauses == 0


def test_a_real_file_that_is_gone(running: Running) -> None:
    (running.sound.root / "large").unlink()
    told = '"large" is indexed as real and is gone; --repair has it looked at again.'
    assert running.told() == [told]
    report = running.check(repair=True)
    assert report.mended[0].sentence == told
    assert b"large" in running.touched


def test_a_real_file_that_is_another(running: Running) -> None:
    os.utime(running.sound.root / "large", ns=(1, 1))
    told = '"large" is not as it was indexed; --repair has it looked at again.'
    assert running.told() == [told]


def test_a_file_that_isnt_indexed(running: Running) -> None:
    (running.sound.root / "d/new").write_bytes(b"new")
    (running.sound.root / "top").mkdir()
    assert running.told() == [
        '"top" is there and not indexed; --repair has it looked at again.',
        '"d/new" is there and not indexed; --repair has it looked at again.',
    ]


def test_what_is_about_to_be_indexed_is_no_finding(running: Running) -> None:
    (running.sound.root / "large").write_bytes(b"being written")
    (running.sound.root / "d/new").write_bytes(b"new")
    running.pending = {b"large", b"d/new"}
    assert running.told() == []


def test_what_is_indexed_between_two_looks_is_no_finding(running: Running) -> None:
    new = running.sound.root / "d/new"
    new.write_bytes(b"new")
    setattr(running, "pause", new.unlink)  # noqa: B010 - mypy
    assert running.told() == []


def test_what_isnt_shared_is_no_finding(running: Running) -> None:
    os.mkfifo(running.sound.root / "fifo")
    assert running.told() == []


def test_where_nobody_runs_differences_are_left_to_the_next_start(sound: Sound) -> None:
    (sound.root / "large").unlink()
    (sound.root / "d/new").write_bytes(b"new")
    report = sound.check(repair=True)
    assert (report.found, report.repaired) == (0, 0)
    assert report.notes == [
        "2 files differ from what was indexed, and are indexed at the next start."
    ]


def test_a_whole_directory_that_is_gone(running: Running) -> None:
    shutil.rmtree(running.sound.root / "d")
    assert running.told() == [
        '"d" is indexed as real and is gone; --repair has it looked at again.',
        '"d/real" is indexed as real and is gone; --repair has it looked at again.',
    ]
