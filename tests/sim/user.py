"""What people and their programs do to the arena on one machine, as the mount does it (`fs`).

Each function is a user's step: natively first, then what the arena is told; or with `told` False
by a program that works in the arena root directly. `Seen` are the contents that the user knew
when he replaced or deleted them: those may be gone afterwards, and no others.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from realizefs.fs import items
from realizefs.fs.changes import exchange_natively
from realizefs.fs.items import Item
from realizefs.model import paths
from realizefs.model.decisions import Action
from realizefs.model.ids import Inode
from realizefs.model.marks import Mark
from realizefs.model.versions import Kind
from realizefs.store.hashing import hash_bytes
from realizefs.store.openat import RENAME_EXCHANGE
from tests.sim.process import as_user
from tests.sim.replica import Replica

Seen = set[bytes]


@dataclass(eq=False)
class User:
    """Somebody at one machine; `wrote` and `replaced` are told of each content."""

    replica: Replica
    wrote: Callable[[bytes], None]
    replaced: Callable[[Seen, "User"], None]
    moved: Callable[[Seen, "User"], None]
    doubted: Callable[[Seen, "User"], None]
    touched: Callable[[Seen, "User"], None]
    say: Callable[[str], None] = lambda _: None
    stamps: Iterator[int] = field(default_factory=lambda: iter(range(1, 1 << 40)))

    # -- looking --------------------------------------------------------------------------------

    def item(self, path: bytes) -> Item | None:
        """What the mount shows at a path."""
        arena, at = self.replica.arena, self.replica.arena.root_ino
        found: Item | None = None
        for name in paths.components(path):
            found = items.child(arena, at, name)
            if found is None:
                return None
            at = found.ino
        return found

    def listing(self, directory: bytes = b"") -> list[tuple[bytes, Item]]:
        """All below a directory, depth first, by name."""
        arena = self.replica.arena
        top = self.item(directory) if directory else None
        ino = top.ino if top is not None else arena.root_ino
        names = {child.name for child in arena.children(ino) if not child.deleted}
        with suppress(OSError):
            names |= {one.name for one in arena.store.root.list(directory)}
        found: list[tuple[bytes, Item]] = []
        for name in sorted(names):
            item = items.child(arena, ino, name)
            if item is None:
                continue
            path = paths.join(directory, name)
            found.append((path, item))
            if item.is_directory:
                found += self.listing(path)
        return found

    def files(self) -> list[tuple[bytes, Item]]:
        return [(path, item) for path, item in self.listing() if not item.is_directory]

    def directories(self) -> list[tuple[bytes, Item]]:
        return [(path, item) for path, item in self.listing() if item.is_directory]

    def content(self, path: bytes, item: Item) -> Seen:
        """The hash of what is shown there."""
        seen: Seen = set()
        if item.stat is not None and not item.is_directory:
            with suppress(OSError):
                seen.add(
                    bytes(hash_bytes((self.replica.disk.root / os.fsdecode(path)).read_bytes()))
                )
        elif item.entry is not None and item.entry.version.kind is Kind.FILE:
            seen.add(bytes(item.entry.version.hash))
        return seen

    def below(self, path: bytes, item: Item) -> Seen:
        """The hashes of all that is shown at and below a path."""
        seen = self.content(path, item)
        if item.is_directory:
            for inner, one in self.listing(path):
                seen |= self.content(inner, one)
        return seen

    # -- doing ----------------------------------------------------------------------------------

    async def write(self, path: bytes, content: bytes, *, told: bool = True) -> None:
        """Make or overwrite a file."""
        self._say(f"writes {content[:20]!r} to {path!r}", told)
        arena, root = self.replica.arena, self.replica.store.root
        if not self._make_above(path):
            return
        item = self.item(path)
        if item is not None and item.is_directory:
            return
        if item is not None and item.stat is None:
            if not told:
                return  # a program in the root doesn't see it
            if item.version.kind is not Kind.FILE:
                return
            seen = self.content(path, item)
            self.replaced(seen, self)
            self.moved(seen, self)  # what was there is forgotten with O_TRUNC: a copy may be made
            await arena.make_real(item.ino, truncate=True)
            item = self.item(path)
            if item is None or item.stat is None:
                return
        if item is not None:
            self.replaced(self.content(path, item), self)
        with as_user():
            fd = root.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
            try:
                os.write(fd, content)
            finally:
                os.close(fd)
            stamp = self._stamp()
            root.utime_ns(path, stamp, stamp)
        self.wrote(content)
        arena.touched(path)

    async def touch(self, path: bytes, item: Item) -> None:
        """Another mtime: metadata only."""
        self._say(f"touches {path!r}")
        self.touched(self.content(path, item), self)
        arena = self.replica.arena
        if item.stat is not None:
            with as_user():
                stamp = self._stamp()
                arena.store.root.utime_ns(path, stamp, stamp)
            arena.touched(path)
        else:
            await arena.change_metadata(item.ino, None, self._stamp())

    async def remove(self, path: bytes, item: Item, *, told: bool = True) -> None:
        """rm, or rmdir."""
        self._say(f"removes {path!r}", told)
        arena = self.replica.arena
        if not told and item.stat is None:
            return
        seen = self.content(path, item)
        if item.stat is None:  # a crash may come before it is done
            self.doubted(seen, self)
        elif told or not self._is_leaving(item):
            self.replaced(seen, self)
        else:  # nobody can tell it from what the engine is about to do (R8)
            self.doubted(seen, self)
        if item.stat is not None:
            with as_user():
                (arena.store.root.rmdir if item.is_directory else arena.store.root.unlink)(path)
        if told:
            await arena.remove(item.ino, native=item.stat is not None)
            self.replaced(seen, self)
        else:
            arena.touched(path)

    async def remove_all(self, path: bytes) -> None:
        """rm -r."""
        for inner, item in reversed(self.listing(path)):
            again = self.item(inner)
            if again is not None and again.ino == item.ino:
                with suppress(OSError):
                    await self.remove(inner, again)
        top = self.item(path)
        if top is not None and not items.has_children(self.replica.arena, top.ino):
            with suppress(OSError):
                await self.remove(path, top)

    async def rename(self, old: bytes, new: bytes, *, told: bool = True) -> None:
        """mv; onto a file it replaces that."""
        self._say(f"renames {old!r} to {new!r}", told)
        if old == new or paths.is_within(new, old):
            return
        arena, root = self.replica.arena, self.replica.store.root
        item, there = self.item(old), self.item(new)
        parent = self.item(paths.split(new)[0]) if b"/" in new else None
        if item is None or (b"/" in new and (parent is None or not parent.is_directory)):
            return
        if there is not None and (
            there.is_directory or item.is_directory or (not told and there.stat is None)
        ):
            return
        if not told and item.stat is None:
            return
        self.moved(self.below(old, item), self)
        over = self.content(new, there) if there is not None else set()
        if there is None or there.stat is None:  # a crash may come before it is done
            self.doubted(over, self)
        else:
            self.replaced(over, self)
        if item.stat is not None:
            if not self._make_above(new):
                return
            with as_user():
                root.rename(old, new)
        elif there is not None and there.stat is not None:
            with as_user():
                root.unlink(new)
        if told:
            target = parent.ino if parent is not None else arena.root_ino
            over_native = there is not None and there.stat is not None
            await arena.move(item.ino, target, paths.split(new)[1], 0, over_native=over_native)
            self.replaced(over, self)
        else:
            arena.touched(old)
            arena.touched(new)

    async def exchange(self, one: bytes, other: bytes) -> None:
        """mv --exchange."""
        self._say(f"exchanges {one!r} and {other!r}")
        arena = self.replica.arena
        if b"anchor" in (one, other) or paths.is_within(one, other) or paths.is_within(other, one):
            return
        found = [await self._to_exchange(path) for path in (one, other)]
        items_now = [self.item(path) for path in (one, other)]
        if None in found or [item and item.ino for item in items_now] != found:
            return  # something was renamed while it was fetched
        here, there = (item for item in items_now if item is not None)
        self.moved(self.below(one, here) | self.below(other, there), self)
        for item, path in ((here, other), (there, one)):
            if item.stat is not None and not self._make_above(path):
                return
        with as_user():
            exchange_natively(here, there)
        above, name = paths.split(other)
        parent = self.item(above)
        target = parent.ino if parent is not None else arena.root_ino
        await arena.move(here.ino, target, name, RENAME_EXCHANGE)

    async def _to_exchange(self, path: bytes) -> Inode | None:
        """A file is made real first."""
        item = self.item(path)
        if item is not None and item.stat is None and not item.is_directory:
            await self.replica.arena.make_real(item.ino, truncate=False)
        return item.ino if item is not None else None

    async def make_directory(self, path: bytes) -> None:
        if self.item(path) is not None or not self._make_above(path):
            return
        with as_user(), suppress(FileExistsError):
            self.replica.store.root.mkdir(path, 0o755)
        self.replica.arena.touched(path)

    async def mark(self, item: Item, mark: Mark | None) -> None:
        await self.replica.arena.set_mark(item.ino, mark)

    async def read(self, path: bytes, item: Item) -> bytes | None:
        """All of an unreal file, and what it should be; None for others."""
        if item.stat is not None or item.version.kind is not Kind.FILE:
            return None
        version = item.version
        data = await self.replica.arena.read(item.ino, version, 0, version.size)
        assert hash_bytes(data) == version.hash, f"R4: {path!r} was read as something else"
        return data

    def _make_above(self, path: bytes) -> bool:
        """Native directories above a path, as the mount makes them; False where a file is in the
        way."""
        above, arena = b"", self.replica.arena
        for name in paths.components(paths.split(path)[0]):
            above = paths.join(above, name)
            item = self.item(above)
            if item is not None and not item.is_directory:
                return False
            if item is None or item.stat is None:
                with as_user(), suppress(FileExistsError):
                    arena.store.root.mkdir(above, 0o755)
                arena.touched(above)
        return True

    def _is_leaving(self, item: Item) -> bool:
        store = self.replica.store
        with store.env.read() as txn:
            decision = store.decisions.get(txn, item.ino)
            mark, _ = self.replica.arena.context.effective_mark(txn, item.ino)
        return mark is not Mark.OWN or (
            decision is not None and decision.action is Action.UNREALIZE
        )

    def _say(self, what: str, told: bool = True) -> None:
        how = "" if told else ", by a program"
        self.say(f"{self.replica.name} {what}{how}")

    def _stamp(self) -> int:
        """A time that no other file has."""
        return self.replica.clock.wall_ns() + next(self.stamps)
