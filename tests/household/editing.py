"""A plain program that edits a tree at random: run as a process of its own, it knows nothing of us.

    python editing.py DIR WHO SEED EDITS SECONDS

It makes EDITS edits, or as many as it can in SECONDS if that is less. Everything that it writes is a
line that nobody else writes and that says which file it is for, and it only appends, so that a line which is in no file in the end was
lost. What would be deleted is moved to "attic". Prints the lines that it wrote.
"""

import os
import random
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

FOLDERS = 4
FILES_OF_EVERYBODY = 12
PAUSE_SECONDS = 0.4


class Editor:
    """One person at one machine; `say` is told what was done."""

    def __init__(self, top: Path, who: str, seed: int) -> None:
        self._top = top
        self._who = who
        self._chance = random.Random(seed)
        self._count = 0

    def edit(self) -> None:
        """One edit. What can't be done just now, since others did something or are away, isn't."""
        with suppress(FileNotFoundError, FileExistsError, NotADirectoryError, OSError):
            self._chance.choices(
                [self._append, self._make, self._rename, self._put_away], [6, 4, 1, 1]
            )[0]()

    def _append(self) -> None:
        """To a file that others append to, too."""
        number = self._chance.randrange(FILES_OF_EVERYBODY)
        self._write(self._top / f"folder{number % FOLDERS}" / f"everybody{number}.txt")

    def _make(self) -> None:
        folder = self._top / f"folder{self._chance.randrange(FOLDERS)}" / self._who
        folder.mkdir(parents=True, exist_ok=True)
        self._write(folder / f"{self._count}.txt")

    def _write(self, path: Path) -> None:
        self._count += 1
        line = f"{self._who} {self._count} {path.stem}"
        path.parent.mkdir(exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(fd, f"{line}\n".encode())
        finally:
            os.close(fd)
        print(line, flush=True)  # noqa: T201 - what it is run for

    def _rename(self) -> None:
        mine = sorted(self._top.glob(f"folder*/{self._who}/*.txt"))
        if mine:
            path = self._chance.choice(mine)
            path.rename(path.with_name(f"renamed {path.name}"))

    def _put_away(self) -> None:
        """One of everybody's files, which the others may be about to append to."""
        found = sorted(self._top.glob("folder*/everybody*.txt"))
        if found:
            self._count += 1
            attic = self._top / "attic"
            attic.mkdir(exist_ok=True)
            self._chance.choice(found).rename(attic / f"{self._who} {self._count}.txt")

    def pause(self) -> None:
        """As long as a quick person takes."""
        threading.Event().wait(self._chance.random() * PAUSE_SECONDS)


def main() -> None:
    """Edit, then end."""
    top, who, seed, edits, seconds = sys.argv[1:]
    editor = Editor(Path(top), who, int(seed))
    deadline = time.monotonic() + float(seconds)
    for _ in range(int(edits)):
        if time.monotonic() > deadline:
            break
        editor.edit()
        editor.pause()


if __name__ == "__main__":
    main()
