"""From an application to the mount that shows it."""

from pathlib import Path

from realizefs.daemon.app import App
from realizefs.daemon.arenas import RunningArena
from realizefs.daemon.mounts import MountRun
from realizefs.fs import port
from realizefs.fs.mount import Mount, MountOptions
from realizefs.fs.views import HouseholdView, SingleView, View
from realizefs.model.ids import Inode
from realizefs.model.mount_flags import ALLOW_OTHER
from realizefs.sync.arena import Arena


def mounter(
    app: App, directory: Path, arena: RunningArena | None, flags: frozenset[str]
) -> MountRun:
    """The mount of one arena, or of the household of `app`, at a directory."""
    options = MountOptions(
        name=app.config.name if arena is None else arena.name,
        flags=flags | ({ALLOW_OTHER} if app.config.mount.allow_other else set()),
        no_fetch=app.config.mount.no_fetch,
    )
    return Mount(_view(app, arena), directory, options, app.mount_counts).run


def _view(app: App, arena: RunningArena | None) -> View:
    carried = app.parts.household.arenas
    if isinstance(arena, Arena):
        shown_id = arena.id
        return SingleView(arena, lambda: carried.get(shown_id))

    def shown() -> list[port.Arena]:
        return sorted(carried.values(), key=lambda each: each.name)

    def owner(ino: Inode) -> port.Arena | None:
        found = app.parts.allocator.arena_of(ino)
        return None if found is None else carried.get(found)

    return HouseholdView(shown, owner)
