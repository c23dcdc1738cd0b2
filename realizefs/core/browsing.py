"""Reading ahead over the files of a folder: who reads small files one after the other, in the order of
names, will want the next ones, too. Pure.

So do copying, searching and archiving a folder, and compilers' includes don't: they jump, and get
nothing ahead. As with the pages of a file, the window doubles while the reader goes on.
"""

from dataclasses import dataclass, replace

RUN_MIN = 3
"""Small files read one after the other before any is fetched ahead."""

LATE_COUNT = 100
"""Files more before any is fetched ahead again, where the last ones came too late."""

NEAR_MAX = 8
"""Names that may be left out between two of them: folders, large files, what is here already."""

WINDOW_FIRST = 8
WINDOW_MAX = 128
"""Files fetched ahead."""


@dataclass(frozen=True, slots=True)
class Run:
    """In one folder: the last name, how many were read one after the other, files to fetch ahead next."""

    last: bytes
    count: int = 1
    window: int = 0


def goes_on(run: Run, name: bytes, *, is_near: bool) -> Run:
    """After a read of `name` that had to wait for a peer; `is_near`: it is among the NEAR_MAX names
    behind the last one."""
    if name == run.last:
        return replace(run, window=0)
    if run.count < 0:
        return Run(name, run.count + 1)
    if not is_near:
        return Run(name)
    count = run.count + 1
    return Run(name, count, (run.window or WINDOW_FIRST) if count >= RUN_MIN else 0)


def asked(run: Run, last: bytes) -> Run:
    """After the window was asked for, up to the file `last`: the next one is larger. Who reads on before
    that, as the machine is slow, doesn't double what nobody has asked for."""
    return Run(last, run.count, min(2 * run.window, WINDOW_MAX))


def reached(run: Run) -> Run:
    """After a read in the middle of what was fetched ahead: the next window."""
    return Run(run.last, run.count + run.window // 4, run.window or WINDOW_FIRST)


def late(name: bytes) -> Run:
    """After what was fetched ahead wasn't here when the reader came to `name`, or didn't come at all: it is
    some time before the next is tried, in whatever order he reads."""
    return Run(name, -LATE_COUNT)
