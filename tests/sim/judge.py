"""Whether the rules hold: R1 and R8 at every moment, R2, R3 and R4 when all has come to rest.

Every content that is ever written is another one. It must survive as long as nobody who saw it has
replaced or deleted it, and no disk was lost with the only copy of it.
"""

from collections import Counter
from typing import TYPE_CHECKING

from realizefs.model.ids import Digest, Seq
from realizefs.model.marks import Mark
from realizefs.model.paths import show
from realizefs.model.versions import Kind, Version
from realizefs.store import graves
from realizefs.store.hashing import hash_bytes
from realizefs.sync.describe import status_of
from tests.sim.replica import Replica

if TYPE_CHECKING:
    from tests.sim.user import User

_CONFLICT = b" (conflict "
"""In the name of every conflict copy; users give no such names."""

State = dict[bytes, Version]
"""Path → version, of one index; tombstones left out."""


class Judge:
    """Knows what users did."""

    def __init__(self, replicas: list[Replica], min_copies: int) -> None:
        self._replicas = replicas
        self._min_copies = min_copies
        self.alive: dict[bytes, bytes] = {}
        """contents that must be somewhere, by their hash"""
        self.names: dict[bytes, bytes] = {}
        self.gone: set[bytes] = set()
        self.moved_ever: set[bytes] = set()
        self._most: dict[bytes, int] = {}
        """the most owners that a content had since a disk was lost"""
        self._brought: dict[Replica, set[bytes]] = {}
        """contents that were gone and came back with a backup of a replica"""

    # -- what users did -------------------------------------------------------------------------

    def wrote(self, content: bytes) -> None:
        digest = bytes(hash_bytes(content))
        self.alive[digest] = content
        self.names[digest] = content[:20].split(b";")[0]

    def replaced(self, seen: set[bytes], _: "User") -> None:
        for digest in seen & self.names.keys():  # an empty file is nobody's content
            self.alive.pop(digest, None)
            self.gone.add(digest)

    def moved(self, seen: set[bytes], _: "User") -> None:
        self.moved_ever |= seen

    def doubted(self, seen: set[bytes], _: "User") -> None:
        """It may be gone, and needn't be."""
        for digest in seen:
            self.alive.pop(digest, None)

    def before_loss(self, replica: Replica) -> None:
        """A disk is about to be lost: what nobody else has may go with it."""
        elsewhere: set[bytes] = set()
        for one in self._replicas:
            if one is not replica:
                elsewhere |= one.contents()
        self._elsewhere = elsewhere
        self.moved_ever |= self.gone & self._known_to_others(replica)

    def _known_to_others(self, replica: Replica) -> set[bytes]:
        """What others still have a name for: that its user deleted or replaced it, and hadn't told
        them, is forgotten with the database. All that is gone, while one of them doesn't run."""
        others = [one for one in self._replicas if one is not replica]
        if not all(one.running for one in others):
            return set(self.gone)
        return {bytes(version.hash) for one in others for version in self.index(one).values()}

    def after_loss(self, replica: Replica) -> None:
        self._most.clear()
        here = replica.contents()
        for digest in list(self.alive):
            if digest not in here and digest not in self._elsewhere:
                del self.alive[digest]

    def came_back(self, replica: Replica) -> None:
        """What a backup has is there again, unless somebody had heard that it was deleted or
        replaced."""
        heard: set[bytes] = set()
        for one in self._replicas:
            if one is not replica and one.running:
                heard |= self._replaced(one)
        self._brought[replica] = self.gone & replica.contents()
        self.moved_ever |= self._brought[replica] - heard

    def touched(self, seen: set[bytes], user: "User") -> None:
        """What a backup brought back, and its user changed before that machine heard of the deletion,
        is a new change of his; who has forgotten the deletion by then, with the acknowledgement of that
        machine from before the backup, can't tell that it is one of metadata only."""
        self.moved_ever |= seen & self._brought.get(user.replica, set())

    def _replaced(self, replica: Replica) -> set[bytes]:
        store, found = replica.store, set[bytes]()
        with store.env.read() as txn:
            for _, ino in store.tree.history(txn, Seq(0), 1_000_000):
                entry = store.tree.entry(txn, ino)
                for head in (entry.version, *entry.version.others) if entry is not None else ():
                    found.update(head.replaced)
        return found

    # -- at every moment ------------------------------------------------------------------------

    def audit(self, when: str) -> None:
        """R1: a complete copy of everything is on some disk."""
        there: set[bytes] = set()
        for one in self._replicas:
            there |= one.contents()
        self._count_owners(when)
        lost = [self.names[digest].decode() for digest in self.alive if digest not in there]
        assert not lost, f"R1: no copy of {lost} is left {when}"

    def _count_owners(self, when: str) -> None:
        """R1: once as many own something as must, the program doesn't make them fewer."""
        counts: Counter[bytes] = Counter()
        for one in self._replicas:
            counts.update(one.owned())
        for digest in self.alive:
            needed = min(self._min_copies, self._most.get(digest, 0))
            name = self.names[digest].decode()
            assert counts[digest] >= needed, f"R1: {name} has {counts[digest]} owners {when}"
            self._most[digest] = max(counts[digest], self._most.get(digest, 0))

    # -- at rest --------------------------------------------------------------------------------

    def state(self) -> dict[int, State] | None:
        """The index of each; None while one isn't running."""
        if not all(one.running for one in self._replicas):
            return None
        return {one.number: self.index(one) for one in self._replicas}

    def index(self, replica: Replica) -> State:
        """All live entries of one."""
        store, found = replica.store, {}
        with store.env.read() as txn:
            for _, ino in store.tree.history(txn, Seq(0), 1_000_000):
                entry, path = store.tree.entry(txn, ino), store.tree.path(txn, ino)
                if entry is not None and path and not entry.version.deleted:
                    found[path] = entry.version
        return found

    def at_rest(self) -> bool:
        return not self.unrest()

    def unrest(self) -> list[str]:
        """What is still to be done, by whom."""
        found = []
        for one in self._replicas:
            if not one.running:
                found.append(f"{one.name} doesn't run: {one.problem}")
                continue
            scanner = one.arena.scanner
            if len(scanner._due) or scanner._rescan or not scanner.scanned.is_set():
                found.append(f"{one.name} scans")
            if one.arena._homeless.is_busy:
                found.append(f"{one.name} looks for what nobody holds")
            with one.store.env.read() as txn:
                if one.store.dirty.any(txn):
                    found.append(f"{one.name} decides")
                for key, _ in txn.scan("engine.retry"):
                    ino = int.from_bytes(key[-8:], "big")
                    decision = one.store.decisions.get(txn, ino)  # type: ignore[arg-type]
                    path = one.store.tree.path(txn, ino)  # type: ignore[arg-type]
                    if decision is None or decision.attempts < 5:
                        found.append(f"{one.name}: {path!r} {decision}")
        return found

    async def at_the_end(
        self, users: "list[User]", *, everybody_connected: bool, forgets: bool
    ) -> None:
        """All rules, once nothing happens any more."""
        self.audit("at the end")
        self._converged()
        self._nothing_is_lost()
        self._nothing_is_back()
        if everybody_connected and forgets:
            self._tombstones_are_forgotten()
        if everybody_connected:
            self._everybody_has_what_is_asked_for()
            await self._everything_is_readable(users)

    def _converged(self) -> None:
        """R3."""
        first, *others = self._replicas
        one = self.index(first)
        for replica in others:
            other = self.index(replica)
            for path in sorted({*one, *other}):
                a, b = one.get(path), other.get(path)
                assert a == b, (
                    f"R3: {first.name} and {replica.name} differ about {path!r}:\n{a}\n{b}"
                )

    def _tombstones_are_forgotten(self) -> None:
        """R6: the index doesn't grow for ever. Those that are nobody's stay, with the directories that
        they are in, and all while somebody has still to carry one out."""
        if any(self._removes(one) for one in self._replicas):
            return
        for one in self._replicas:
            store = one.store
            with store.env.read() as txn:
                found, _ = graves.page(txn, b"", 1_000_000)
                entries = [entry for ino in found if (entry := store.tree.entry(txn, ino))]
                left = [
                    entry
                    for entry in entries
                    if entry.version.author and not any(store.tree.children(txn, entry.ino))
                ]
                assert not left, f"R6: {one.name} remembers {left[0]}"

    def _removes(self, replica: Replica) -> bool:
        with replica.store.env.read() as txn:
            return replica.store.removals.count(txn) > 0

    def _nothing_is_lost(self) -> None:
        """R1, R2, R8: what nobody deleted has a name, and somebody holds it there."""
        named: dict[bytes, set[bytes]] = {}
        for path, version in self.index(self._replicas[0]).items():
            named.setdefault(bytes(version.hash), set()).add(path)
        for digest in self.alive:
            name = self.names[digest].decode()
            assert digest in named, f"R2: {name} has no name any more"
            holds = any(
                self._holds(one, path, Digest(digest))
                for one in self._replicas
                for path in named[digest]
            )
            assert holds, f"R1: nobody holds {name}, called {named[digest]}"

    def _holds(self, replica: Replica, path: bytes, digest: Digest) -> bool:
        store = replica.store
        with store.env.read() as txn:
            entry = store.tree.entry_at(txn, path)
            if entry is None:
                return False
            real, blob = store.real.get(txn, entry.ino), store.blobs.find(txn, entry.ino)
        if real is not None and real.hash == digest:
            return bool(hash_bytes((replica.disk.root / path.decode()).read_bytes()) == digest)
        return blob is not None and blob.verified and blob.hash == digest

    def _nothing_is_back(self) -> None:
        """What was deleted or replaced by everybody who saw it has no name.

        But for conflict copies: while a loser gets its copy, somebody who still sees it under the
        old name may replace it there. Neither knows of the other, and the copy stays.
        """
        for path, version in self.index(self._replicas[0]).items():
            if _CONFLICT in path:
                continue
            digest = bytes(version.hash)
            if digest in self.gone and digest not in self.moved_ever:
                name = self.names.get(digest, b"?").decode()
                raise AssertionError(f"R8: {name} was deleted, and is back as {path!r}")

    def _everybody_has_what_is_asked_for(self) -> None:
        for one in self._replicas:
            for path, version in self.index(one).items():
                with one.store.env.read() as txn:
                    entry = one.store.tree.entry_at(txn, path)
                    assert entry is not None
                    mark, _ = one.arena.context.effective_mark(txn, entry.ino)
                    status = status_of(one.arena.context, txn, entry)
                if bytes(version.hash) not in self.alive:
                    continue
                if version.kind is Kind.FILE and mark is Mark.OWN:
                    assert status == "real", f"{one.name} is to own {show(path)}: {status}"
                if version.kind is Kind.FILE and mark is Mark.KEEP:
                    assert status in ("real", "cached"), f"{one.name}: {show(path)}: {status}"

    async def _everything_is_readable(self, users: "list[User]") -> None:
        """R4, and R1 for a reader. What its last holder overwrote while another renamed it, unseen
        and without its bytes, is nowhere: that it has a name still is the truth, and is told."""
        for user in users:
            for path, item in user.files():
                if user.content(path, item) <= self.alive.keys():
                    await user.read(path, item)
