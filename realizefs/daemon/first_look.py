"""What isn't known yet because the root of its arena is still being looked at.

With a daemon that is said after a moment. Where none runs nobody will have looked later, so it is waited
for.
"""

from realizefs.daemon.app import App
from realizefs.daemon.arenas import RunningArena
from realizefs.model.errors import NotFound
from realizefs.model.ids import Inode
from realizefs.model.paths import show
from realizefs.sync.describe import Description

LOOK_SECONDS = 3.0
"""How long who asks for what isn't known yet waits for the first look: most roots are through by then."""


async def looked_through(app: App, arena: RunningArena) -> str | None:
    """A sentence if the root is still being looked at. RootGone where the arena can't go on."""
    slot = app.arenas.named(arena.name)
    while not await slot.arena.looked_through(LOOK_SECONDS):
        if app.online:
            return f'The files of the arena "{arena.name}" are still being looked at: there may be more.'
    return None


async def inode_found(app: App, arena: RunningArena, inside: bytes) -> Inode:
    """The inode at a path of an arena; NotFound, a sentence, once it may be said that there is none."""
    try:
        return inode_at(arena, inside)
    except NotFound as error:
        note = await looked_through(app, arena)
        if note is None:
            return inode_at(arena, inside)
        raise NotFound(f"{error} {note}") from error


def inode_at(arena: RunningArena, inside: bytes) -> Inode:
    """The inode at a path of an arena, as far as that is known; NotFound, a sentence."""
    try:
        return arena.resolve(inside)
    except FileNotFoundError as error:
        if not described_at(arena, inside).shared:
            sentence = (
                f'"{show(inside)}" is never shared: it stays on this machine, whatever is marked.'
            )
            raise NotFound(sentence) from error
        raise NotFound(f'"{show(inside)}" is so new that it isn\'t known yet.') from error


def described_at(arena: RunningArena, inside: bytes) -> Description:
    """What is at a path of an arena, be it known or not; NotFound, a sentence."""
    try:
        return arena.describe_at(inside)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f'There is no "{show(inside)}" in the arena "{arena.name}".') from error
