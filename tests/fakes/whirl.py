"""A user who never rests: random changes of names and contents in a directory, made natively."""

import os
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event

from realizefs.store.openat import RENAME_EXCHANGE, renameat2

MANY = 10
"""Files: two users delete a few of them each before either hears of the other."""


class Whirl:
    """In `root`; the same deeds for a seed, but that others may be at work there, too."""

    def __init__(self, root: Path, seed: int, pause: float) -> None:
        self._root = root
        self._random = random.Random(seed)
        self._pause = pause
        self._prefix = f"{root.parent.name[:1]}{seed}-"
        self._count = 0

    def run(self, count: int, stopped: Event) -> None:
        """So many deeds, of which some can't be done; blocking, until `stopped`."""
        deeds = dict[Callable[[], None], int]()
        deeds |= {self._make: 4, self._gather: 3, self._move: 2, self._swap: 1, self._exchange: 1}
        deeds |= {self._save: 3, self._move_directory: 2, self._delete: 1, self._append: 1}
        deeds |= {self._remove_directory: 1}
        for _ in range(count):
            deed = self._random.choices(list(deeds), list(deeds.values()))[0]
            with suppress(OSError):  # another user was faster
                deed()
            if stopped.wait(self._random.random() * self._pause):
                break

    def _files(self) -> list[Path]:
        return [
            above / name
            for above in self._directories()
            for name in sorted(os.listdir(above))
            if not name.startswith(".") and (above / name).is_file()
        ]

    def _directories(self) -> list[Path]:
        found = [self._root]
        for above, names, _ in os.walk(self._root):
            names[:] = sorted(name for name in names if name != ".realize")
            found += [Path(above) / name for name in names]
        return found

    def _any(self, some: list[Path]) -> Path:
        if not some:
            raise FileNotFoundError("There are none yet.")
        return self._random.choice(some)

    def _new(self) -> Path:
        """A name that nothing has yet, somewhere."""
        self._count += 1
        return self._random.choice(self._directories()) / f"{self._prefix}{self._count}"

    def _content(self) -> bytes:
        return f"{self._prefix}{self._count}".encode() + b"x" * self._random.choice([0, 100, 5000])

    def _make(self) -> None:
        new = self._new()
        new.write_bytes(self._content())

    def _gather(self) -> None:
        new = self._new()
        new.mkdir()
        for file in self._random.sample(files := self._files(), min(len(files), 3)):
            file.rename(new / file.name)

    def _move(self) -> None:
        self._any(self._files()).rename(self._new())

    def _swap(self) -> None:
        """By way of a third name."""
        one, other = (self._any(self._files()) for _ in range(2))
        between = one.with_name(".between")
        one.rename(between)
        try:
            other.rename(one)
        finally:
            between.rename(one if not one.exists() else other)

    def _exchange(self) -> None:
        one, other = (self._any(self._directories()[1:]) for _ in range(2))
        renameat2(-100, os.fsencode(one), -100, os.fsencode(other), RENAME_EXCHANGE)

    def _save(self) -> None:
        """As editors do."""
        file = self._any(self._files())
        new = file.with_name(f".{file.name}.new")
        self._count += 1
        new.write_bytes(self._content())
        new.rename(file)

    def _move_directory(self) -> None:
        self._any(self._directories()[1:]).rename(self._new())

    def _delete(self) -> None:
        file = self._any(self._files())
        if self._has_many():
            file.unlink()

    def _remove_directory(self) -> None:
        """A small one."""
        one = self._any(self._directories()[1:])
        if self._has_many() and sum(1 for _ in one.rglob("*")) < 5:
            shutil.rmtree(one)

    def _has_many(self) -> bool:
        """Whether all that is deleted at once leaves something: who empties his root is asked (R8)."""
        return len(self._files()) > MANY

    def _append(self) -> None:
        file = self._any(self._files())
        with file.open("ab") as opened:
            opened.write(b"more")


def tree(root: Path) -> dict[str, bytes | None]:
    """All that is in a root: contents, None for directories. Nobody may be at work in it but
    ourselves."""
    found = dict[str, bytes | None]()
    for above, names, files in os.walk(root):
        names[:] = [name for name in names if name != ".realize"]
        found |= {os.path.relpath(Path(above) / name, root): None for name in names}
        for name in files:
            with suppress(FileNotFoundError):
                path = Path(above) / name
                found[os.path.relpath(path, root)] = path.read_bytes()
    return found
