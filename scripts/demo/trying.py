"""The five things worth trying: printed for people, or done and compared (CHECK=1)."""

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass
from errno import EHOSTUNREACH
from pathlib import Path

from scripts.demo.household import REALIZEFS, Demo
from scripts.demo.saying import SETTLE_SECONDS, DemoError, expect, wait_until
from scripts.demo.trees import is_plain, listing, plain_files

MARK = "user.realize.mark"


@dataclass(frozen=True)
class Samples:
    """Paths, relative to the arena, that are worth a try."""

    file: str
    offline: str
    folder: str
    inside: str


def choose_samples(root: Path) -> Samples:
    """Two files outside of a folder with files of its own, and that folder."""
    folders = [
        path
        for path in sorted(root.rglob("*"))
        if path.is_dir() and not path.is_symlink() and 1 <= len(plain_files(path)) <= 200
    ]
    for folder in folders:
        others = [
            path
            for path in sorted(root.rglob("*"))
            if is_plain(path) and folder not in path.parents and path.stat().st_size
        ]
        if len(others) >= 2:
            chosen = [str(path.relative_to(root)) for path in (others[0], others[-1], folder)]
            inside = str(plain_files(folder)[0].relative_to(root))
            return Samples(chosen[0], chosen[1], chosen[2], inside)
    raise DemoError("SRC is too small to show something: it needs a folder and some files beside.")


def five_things(demo: Demo, samples: Samples) -> list[tuple[str, list[str]]]:
    """What to try, as (why, commands)."""
    owner = shell(demo.owner.home)
    file, offline, folder, inside = (
        shell(demo.mount / name)
        for name in (samples.file, samples.offline, samples.folder, samples.inside)
    )
    return [
        (
            "Browse: every file is listed, none is stored here.",
            [f"ls -lR {shell(demo.mount)} | less"],
        ),
        (
            "Read a file: its bytes are fetched, and cached; info says where they are.",
            [f"cat {file}", f"realizefs info {file}"],
        ),
        (
            "Keep a folder: it is complete here, and stays, offline too.",
            [f"setfattr -n {MARK} -v keep {folder}", f"realizefs info {inside}"],
        ),
        (
            "Own a folder: it becomes plain files in this machine's root.",
            [
                f"setfattr -n {MARK} -v own {folder}",
                f"ls -l {shell(demo.visitor_root / samples.folder)}",
            ],
        ),
        (
            "Switch the owner off: what is here reads on, the rest says so at once; and on again.",
            [
                f"kill {demo.serving.pid if demo.serving else '?'}",
                f"cat {inside}",
                f"cat {offline}   # No route to host",
                f"realizefs --home {owner} serve &",
                f"cat {offline}",
            ],
        ),
    ]


class Checks:
    """The five things, done and compared."""

    def __init__(self, demo: Demo, samples: Samples) -> None:
        self._demo = demo
        self._samples = samples

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        """(what, how) in order; each builds on those before."""
        return [
            ("browse: all files are listed, with their sizes", self.browse),
            ("read: the same bytes as the owner's, cached then", self.read),
            ("keep: a folder is complete in the cache", self.keep),
            ("own: a folder is plain files in the visitor's root", self.own),
            ("offline: what is here reads, the rest fails at once", self.offline),
        ]

    def browse(self) -> None:
        """The listing of the mount is that of the owner's root."""
        here, there = listing(self._demo.mount), listing(self._demo.root)
        expect(here == there, f"{len(here)} entries here, {len(there)} at the owner")

    def read(self) -> None:
        """Content and status of one file."""
        path, original = self._both(self._samples.file)
        expect(self._status(path) in ("remote", "cached"), f"it is {self._status(path)} already")
        expect(path.read_bytes() == original.read_bytes(), f"{path} differs")
        self._wait_for_cached(path)

    def keep(self) -> None:
        """A mark on a folder, and what becomes of what is in it."""
        folder = self._demo.mount / self._samples.folder
        os.setxattr(folder, MARK, b"keep")
        for original in plain_files(self._demo.root / self._samples.folder):
            path = folder / original.name
            self._wait_for_cached(path)

    def own(self) -> None:
        """Regular files with the same bytes and times."""
        os.setxattr(self._demo.mount / self._samples.folder, MARK, b"own")
        for original in plain_files(self._demo.root / self._samples.folder):
            real = self._demo.visitor_root / self._samples.folder / original.name
            wait_until(real.is_file, SETTLE_SECONDS, f"{real} isn't there")
            expect(real.read_bytes() == original.read_bytes(), f"{real} differs")
            same_time = real.stat().st_mtime_ns == original.stat().st_mtime_ns
            expect(same_time, f"{real} has another mtime")

    def offline(self) -> None:
        """The owner away and back."""
        self._demo.stop_owner()
        for name in (self._samples.file, self._samples.inside):
            path, original = self._both(name)
            expect(path.read_bytes() == original.read_bytes(), f"{path} differs")
        path, original = self._both(self._samples.offline)
        expect(bool(os.listdir(self._demo.mount)), "the mount lists nothing")
        began = time.monotonic()
        try:
            path.read_bytes()
        except OSError as error:
            expect(error.errno == EHOSTUNREACH, f"reading {path} gave {error.strerror}")
        else:
            raise DemoError(f"{path} was read, though nobody has it here")
        expect(time.monotonic() - began < 5, "the failure took too long")
        self._demo.start_owner()
        wait_until(lambda: readable(path, original), SETTLE_SECONDS, f"{path} doesn't come back")

    def _both(self, name: str) -> tuple[Path, Path]:
        return self._demo.mount / name, self._demo.root / name

    def _wait_for_cached(self, path: Path) -> None:
        wait_until(lambda: self._status(path) == "cached", SETTLE_SECONDS, f"{path} isn't cached")

    def _status(self, path: Path) -> str:
        return str(self._demo.visitor.info(path)["status"])


def readable(path: Path, original: Path) -> bool:
    """Whether a file reads as the owner has it."""
    try:
        return path.read_bytes() == original.read_bytes()
    except OSError as error:
        if error.errno != EHOSTUNREACH:
            raise
        return False


def preparation(demo: Demo) -> str:
    """What makes `realizefs` in another terminal the visitor's."""
    return f"export REALIZEFS_HOME={shell(demo.visitor.home)} PATH={shell(REALIZEFS.parent)}:$PATH"


def shell(path: Path) -> str:
    """A path as it can be pasted into a shell."""
    return shlex.quote(str(path))
