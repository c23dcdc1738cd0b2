"""Following renames that peers made of files which are real here (R1).

A peer that renames what it only sees (an unreal file) tells two rows: the new name, with a content
that it doesn't have, and a tombstone for the old one. If the old name is real here, the file must
take the new name: it may be the last copy. So it must where another content got the old name, as
when a conflict copy is named whose author has it in the cache only. Where an owner renames its file, another owner does the
same rather than fetch what it has. The rows come in either order, and with other rows in between,
so both are remembered until their counterpart comes: contents that came under a name and aren't
here (or there), and real files that a tombstone has met. The latter go to the trash soon, and are
taken from there, too. What is remembered are hints: looked at again when used, bounded, lost with
the process (then the trash still has the content).

Runs in transactions, in the writer's thread only; may run twice.
"""

import os
from contextlib import suppress

from realizefs.model import paths
from realizefs.model.entries import Entry, Fingerprint, RealRow
from realizefs.model.errors import Busy
from realizefs.model.ids import Digest, Inode
from realizefs.model.marks import Mark
from realizefs.model.ports import Clock
from realizefs.model.versions import Held, Kind, Version
from realizefs.store import in_root
from realizefs.store.fingerprint import NEVER_INDEXED, fingerprint_of, matches_none
from realizefs.store.realfile import Root
from realizefs.sync.batch import Batch
from realizefs.sync.our_doing import record_made
from realizefs.sync.trash import Trash

REMEMBERED_MAX = 10_000
"""Names of either sort: a folder renamed twice while we were away comes as far apart as it has
files."""

_IN_ROOT = b""


class Renames:
    """What one arena remembers."""

    def __init__(self, root: Root, clock: Clock) -> None:
        self._root = root
        self._trash = Trash(root, clock)
        self._came: dict[tuple[Digest, Inode], None] = {}
        self._left: dict[tuple[Digest, Inode], tuple[Fingerprint, bytes]] = {}
        self._by_digest: dict[Digest, tuple[list[Inode], list[Inode]]] = {}

    def applied(self, batch: Batch, entry: Entry, held: Held) -> None:
        """A peer that holds `held` of it told of this entry."""
        version = entry.version
        any_real = batch.store.real.any(batch.txn)
        real = batch.store.real.get(batch.txn, entry.ino) if any_real else None
        if real is not None and real.hash and (version.deleted or version.hash != real.hash):
            self._remember_left(real.hash, entry.ino, real.fingerprint, _IN_ROOT)
            self._settle(batch, real.hash)
        if (
            not version.deleted
            and (self._left or any_real)  # else there is nothing to rename
            and self._may_follow(batch, entry, held)
            and self._lacks(batch, entry, version.hash)
        ):
            self._remember_came(version.hash, entry.ino)
            self._settle(batch, version.hash)

    def trashed(self, batch: Batch, ino: Inode, real: RealRow, place: bytes) -> None:
        """The real file of a deleted entry is at `place` in the state directory now."""
        if real.hash and place:
            self._remember_left(real.hash, ino, real.fingerprint, place)
            self._settle(batch, real.hash)

    def again(self, batch: Batch, ino: Inode) -> None:
        """A job is through with this entry, and may have been in the way until now."""
        entry = batch.store.tree.entry(batch.txn, ino)
        if entry is not None and (entry.version.hash, ino) in self._came:
            self._settle(batch, entry.version.hash)

    def _may_follow(self, batch: Batch, entry: Entry, held: Held) -> bool:
        """Where its holder renamed it nothing is lost, but what is to be real needn't be fetched."""
        if held is not Held.OWN:
            return True
        mark = batch.store.marks.effective(batch.txn, entry.ino, batch.default_mark)
        return mark is Mark.OWN

    # -- remembering ------------------------------------------------------------------------

    def _remember_came(self, digest: Digest, ino: Inode) -> None:
        if (digest, ino) not in self._came:
            self._came[digest, ino] = None
            self._by_digest.setdefault(digest, ([], []))[0].append(ino)
            if len(self._came) > REMEMBERED_MAX:
                self._forget_came(*next(iter(self._came)))

    def _remember_left(
        self, digest: Digest, ino: Inode, fingerprint: Fingerprint, place: bytes
    ) -> None:
        if (digest, ino) not in self._left:
            self._by_digest.setdefault(digest, ([], []))[1].append(ino)
        self._left[digest, ino] = (fingerprint, place)
        if len(self._left) > REMEMBERED_MAX:
            self._forget_left(*next(iter(self._left)))

    def _forget_came(self, digest: Digest, ino: Inode) -> None:
        del self._came[digest, ino]
        self._by_digest[digest][0].remove(ino)
        self._tidy(digest)

    def _forget_left(self, digest: Digest, ino: Inode) -> None:
        del self._left[digest, ino]
        self._by_digest[digest][1].remove(ino)
        self._tidy(digest)

    def _tidy(self, digest: Digest) -> None:
        if not any(self._by_digest[digest]):
            del self._by_digest[digest]

    # -- following --------------------------------------------------------------------------

    def _settle(self, batch: Batch, digest: Digest) -> None:
        came, left = self._by_digest.get(digest, ([], []))
        if not left:
            return  # as with nearly all that comes: nothing is read in vain
        for new in list(came):
            entry = batch.store.tree.entry(batch.txn, new)
            if entry is None or not self._lacks(batch, entry, digest):
                self._forget_came(digest, new)
                continue
            for old in list(left):
                if self._follow(batch, old, entry, digest):
                    self._forget_left(digest, old)
                    self._forget_came(digest, new)
                    break

    def _lacks(self, batch: Batch, entry: Entry, digest: Digest) -> bool:
        version = entry.version
        if version.deleted or version.kind is not Kind.FILE or not version.size:
            return False
        real = batch.store.real.get(batch.txn, entry.ino)
        held = (real is not None and real.hash == digest) or batch.cached(entry.ino, digest)
        return version.hash == digest and not held

    def _follow(self, batch: Batch, old: Inode, entry: Entry, digest: Digest) -> bool:
        """Give the file of `old` to `entry`; False if it isn't what it was, or can't be moved."""
        store, txn = batch.store, batch.txn
        fingerprint, place = self._left[digest, old]
        grave, real = store.tree.entry(txn, old), store.real.get(txn, old)
        target = store.tree.path(txn, entry.ino)
        source = None
        if place == _IN_ROOT:
            if grave is None or real is None or real.hash != digest:
                return False
            if not grave.version.deleted and grave.version.hash == digest:
                return False  # it has come back
            source, fingerprint = store.tree.path(txn, old), real.fingerprint
        if not target:
            return False
        try:
            self._move(batch, (source, place, fingerprint), entry, target)
            now = self._stamped(target, fingerprint, entry.version)
        except (OSError, Busy):
            return False  # changed, or something is in the way: the trash keeps it
        if place == _IN_ROOT:
            store.real.delete(txn, old)
        store.real.put(txn, entry.ino, RealRow(now, digest, entry.version.vector))
        if matches_none(now):
            batch.touched.add(target)
        batch.held_changed(entry.ino)
        if grave is not None:
            if not grave.version.deleted:
                batch.held_changed(old)
            store.dirty.mark(txn, old)
            store.dirty.mark(txn, grave.parent)  # it may be empty now
        return True

    def _move(
        self, batch: Batch, source: tuple[bytes | None, bytes, Fingerprint], entry: Entry, to: bytes
    ) -> None:
        path, place, fingerprint = source
        there = self._root.fingerprint_if_any(to)
        times = (fingerprint.mtime_ns, entry.version.mtime_ns)
        if there is not None and _is_it(there, fingerprint) and there.mtime_ns in times:
            return  # moved when this ran first
        self._check(path, place, fingerprint)
        before = batch.store.real.get(batch.txn, entry.ino)
        if before is not None:  # an outdated file that the renamed one replaces
            taken = self._trash.take(to, before.fingerprint)
            if (
                before.hash and taken
            ):  # which may be what another name is to have, as where two change places
                self._remember_left(before.hash, entry.ino, before.fingerprint, taken)
        self._make_parents(batch, to)
        if path is not None:
            in_root.move(self._root, path, to, fingerprint)
        else:
            self._root.restore(place, to)
        for above in {paths.split(one)[0] for one in (path, to) if one is not None}:
            self._root.sync_directory(above)  # before the commit that says so

    def _stamped(self, path: bytes, known: Fingerprint, version: Version) -> Fingerprint:
        """What to index of the file that is at `path` now: a user may change it as soon as it has its
        name, and that must not pass for what it was."""
        now = self._root.fingerprint(path)
        if _is_it(now, known) and now.mtime_ns in (known.mtime_ns, version.mtime_ns):
            with suppress(Busy):
                return in_root.stamp(self._root, path, now, version.mode, version.mtime_ns)
        return NEVER_INDEXED

    def _check(self, path: bytes | None, place: bytes, fingerprint: Fingerprint) -> None:
        if path is not None:
            if self._root.fingerprint(path) != fingerprint:
                raise Busy("It changed meanwhile.")
            return
        found = fingerprint_of(os.lstat(place, dir_fd=self._root.state.fd))
        if not _is_it(found, fingerprint) or found.mtime_ns != fingerprint.mtime_ns:
            raise Busy("It changed in the trash.")

    def _make_parents(self, batch: Batch, path: bytes) -> None:
        above = b""
        for name in paths.components(paths.split(path)[0]):
            above = paths.join(above, name)
            entry = batch.store.tree.entry_at(batch.txn, above)
            mode = entry.version.mode if entry is not None else 0o755
            try:
                self._root.mkdir(above, mode | 0o700)
            except FileExistsError:
                continue
            batch.touched.add(above)
            self._root.chmod(above, mode | 0o700)  # whatever the umask
            if entry is not None:
                record_made(batch, above, entry, self._root.fingerprint(above))


def _is_it(found: Fingerprint, known: Fingerprint) -> bool:
    """The same file, by whatever name, permissions and time."""
    return (found.dev, found.ino, found.size) == (known.dev, known.ino, known.size)
