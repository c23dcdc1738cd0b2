"""What a person does at a machine: each kind of deed as steps of a `User`."""

from collections.abc import Awaitable, Callable, Iterator

from realizefs.fs.items import Item
from realizefs.model.cache_limits import Amount, CacheLimits
from realizefs.model.marks import Mark
from realizefs.model.paths import join
from tests.sim.plan import Deed
from tests.sim.replica import CACHE_BYTES
from tests.sim.user import User

ANCHOR = b"anchor"
"""A directory that nobody removes: a root is never empty, which would be a missing disk (R8)."""

DIRECTORIES = (b"d", b"e", b"d/f")
NAMES = (b"a", b"b", b"c", b"x.txt", b"d")
MARKS = (Mark.OWN, Mark.WATCH, Mark.KEEP, None)
BY_A_PROGRAM = " by a program"

Thing = tuple[bytes, Item]


async def do(user: User, deed: Deed, numbers: Iterator[int]) -> None:
    """Do it; `numbers` makes each content another one."""
    kind, told = deed.kind.removesuffix(BY_A_PROGRAM), not deed.kind.endswith(BY_A_PROGRAM)
    files = user.files()
    directories = [one for one in user.directories() if one[0] != ANCHOR]
    if kind == "write":
        path = _path(deed.other)
        if files and deed.pick % 2:
            path = files[deed.pick % len(files)][0]
        await user.write(path, _content(user, next(numbers)), told=told)
    elif kind in _ALONE:
        await _ALONE[kind](user, deed)
    elif kind in _OF_DIRECTORIES and directories:
        await _OF_DIRECTORIES[kind](user, deed, directories[deed.pick % len(directories)])
    elif kind == "mark" and files + directories:
        things = files + directories
        await user.mark(things[deed.pick % len(things)][1], MARKS[deed.other % len(MARKS)])
    elif kind in _OF_FILES and files:
        await _OF_FILES[kind](user, deed, files[deed.pick % len(files)], told)


async def unmark(user: User, path: bytes) -> None:
    """Nothing of this file is wanted here, but that it is shown."""
    item = user.item(path)
    if item is not None:
        await user.mark(item, Mark.WATCH)


def _path(number: int) -> bytes:
    directory = (b"", *DIRECTORIES)[number % (1 + len(DIRECTORIES))]
    return join(directory, NAMES[number // 8 % len(NAMES)])


def _content(user: User, number: int) -> bytes:
    return b"%d by %d; " % (number, user.replica.number) * (1 + number % 50)


async def _make_directory(user: User, deed: Deed) -> None:
    await user.make_directory(DIRECTORIES[deed.pick % len(DIRECTORIES)])


async def _evict(user: User, deed: Deed) -> None:
    arena = user.replica.arena
    await arena.limit_cache(CacheLimits(Amount(0)))
    await arena.limit_cache(CacheLimits(Amount(CACHE_BYTES)))


async def _remove_all(user: User, deed: Deed, directory: Thing) -> None:
    await user.remove_all(directory[0])


async def _move_directory(user: User, deed: Deed, directory: Thing) -> None:
    await user.rename(directory[0], DIRECTORIES[deed.other % len(DIRECTORIES)])


async def _touch(user: User, deed: Deed, file: Thing, told: bool) -> None:
    await user.touch(*file)


async def _remove(user: User, deed: Deed, file: Thing, told: bool) -> None:
    await user.remove(*file, told=told)


async def _rename(user: User, deed: Deed, file: Thing, told: bool) -> None:
    await user.rename(file[0], _path(deed.other), told=told)


async def _exchange(user: User, deed: Deed, file: Thing, told: bool) -> None:
    things = user.files() + user.directories()
    await user.exchange(file[0], things[deed.other % len(things)][0])


async def _exchange_directories(user: User, deed: Deed, directory: Thing) -> None:
    others = [one for one in user.directories() if one[0] != ANCHOR]
    await user.exchange(directory[0], others[deed.other % len(others)][0])


async def _read(user: User, deed: Deed, file: Thing, told: bool) -> None:
    await user.read(*file)


_ALONE: dict[str, Callable[[User, Deed], Awaitable[None]]] = {
    "make directory": _make_directory,
    "evict": _evict,
}
_OF_DIRECTORIES: dict[str, Callable[[User, Deed, Thing], Awaitable[None]]] = {
    "remove all": _remove_all,
    "move directory": _move_directory,
    "exchange directories": _exchange_directories,
}
_OF_FILES: dict[str, Callable[[User, Deed, Thing, bool], Awaitable[None]]] = {
    "touch": _touch,
    "remove": _remove,
    "rename": _rename,
    "exchange": _exchange,
    "read": _read,
}
