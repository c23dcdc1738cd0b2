"""Giving a real file up only on the word of other owners; see `core.pins`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from realizefs.core.pins import Pins
from realizefs.model.errors import Busy, PeerFault, RealizeError, Unreachable, VersionGone
from realizefs.model.ids import Digest, Inode, PeerId
from realizefs.model.limits import PIN_SECONDS
from realizefs.model.paths import show
from realizefs.model.versions import Held
from realizefs.sync.context import Context

MARGIN_SECONDS = 10.0
"""Seconds before its end at which a promise isn't relied on any more: for the step itself."""


class Pinning:
    """Both sides of it, for one arena. Trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store
        self._pins = Pins(context.me)

    def promise(self, peer: PeerId, path: bytes, digest: Digest) -> bytes:
        """The answer, without bytes: keep this real file for `peer` to give its own up; VersionGone where it isn't here, Busy
        where it may be gone in a moment."""
        store = self._store
        with store.env.read() as txn:
            entry = store.tree.entry_at(txn, path)
            real = store.real.get(txn, entry.ino) if entry is not None else None
        shown = show(path)
        if entry is None or real is None or real.hash != digest or entry.version.hash != digest:
            raise VersionGone(f'"{shown}" is no real file here in that version.')
        if entry.ino in self._context.in_hand:
            raise Busy(f'"{shown}" is being changed just now.')
        if store.root.fingerprint_if_any(path) != real.fingerprint:
            self._context.on_touched(path)
            raise VersionGone(f'"{shown}" changed just now.')
        if not self._pins.asked(entry.ino, peer, self._context.clock.now()):
            raise Busy(f'"{shown}" may be given up here, too.')
        return b""

    @asynccontextmanager
    async def giving_up(
        self, ino: Inode, path: bytes, digest: Digest
    ) -> AsyncIterator[Callable[[], None]]:
        """Inside, as many others as must keep this content do; call what is yielded before the
        step that can't be undone: Busy if too much time has passed. Busy or Unreachable if they
        don't promise it.
        """
        clock = self._context.clock
        if not self._pins.begin(ino, clock.now()):
            raise Busy(
                f'Another peer relies on "{show(path)}" being kept here just now.',
                self._pins.seconds_left(ino, clock.now()),
            )
        try:
            until = clock.now() + PIN_SECONDS - MARGIN_SECONDS
            await self._ask(ino, path, digest)
            if not self._pins.certain(ino):
                raise Busy(f'Another peer gives "{show(path)}" up before us.')

            def still() -> None:
                if clock.now() >= until:
                    raise Busy(f'Giving "{show(path)}" up took too long; it is tried again.')

            still()
            yield still
        finally:
            self._pins.end(ino)

    async def _ask(self, ino: Inode, path: bytes, digest: Digest) -> None:
        """Ask connected owners until enough have promised."""
        needed, errors = self._context.min_copies, list[RealizeError]()
        owners = self._owners(ino, digest)
        for link in self._context.links.holding(self._store, ino, digest):
            if needed and link.peer in owners:
                try:
                    await link.pin(self._context.id, path, digest)
                    needed -= 1
                except (PeerFault, Unreachable, Busy) as error:
                    errors.append(error)
        if not needed:
            return
        causes = " ".join(str(error) for error in errors)
        sentence = f'Not enough other peers promise to keep "{show(path)}". {causes}'.rstrip()
        if errors and not any(isinstance(error, Unreachable) for error in errors):
            raise Busy(sentence)
        raise Unreachable(sentence)

    def _owners(self, ino: Inode, digest: Digest) -> set[PeerId]:
        with self._store.env.read() as txn:
            return {
                holder.peer
                for holder in self._store.holders.of(txn, ino)
                if holder.held is Held.OWN and holder.hash == digest
            }
