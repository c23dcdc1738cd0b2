"""Removals: real files and folders that peers deleted and that are still here, and the guard."""

from itertools import islice

from realizefs.core.guard import Guarding, Wave
from realizefs.model.ids import Inode
from realizefs.store.keys import inode_of, pack_u64, unpack_u64
from realizefs.store.schema import ENGINE_META, REAL, REMOVAL
from realizefs.store.txn import Txn

_FOLDER = b"d"
_FOLDERS = b"folders"
_FORGIVEN = b"forgiven"
_GUARDING = b"guarding"
_WAVE = b"wave"


class Removals:
    """Inode → whether it is a folder; and what is done with them, all in the caller's transaction."""

    def forgiven(self, txn: Txn) -> int:
        """How many of them somebody has approved already."""
        return txn.counter(ENGINE_META, _FORGIVEN)

    def forgive(self, txn: Txn, by: int) -> bool:
        """So many more, or fewer, are approved; False, and nothing is done, where none would be."""
        if self.forgiven(txn) + by < 0:
            return False
        txn.count_up(ENGINE_META, _FORGIVEN, by)
        return True

    def note(self, txn: Txn, ino: Inode, *, folder: bool) -> None:
        """A peer deleted it."""
        self.drop(txn, ino)
        txn.put(REMOVAL, pack_u64(ino), _FOLDER if folder else b"")
        txn.count_up(ENGINE_META, _FOLDERS, int(folder))

    def drop(self, txn: Txn, ino: Inode) -> None:
        """It isn't so any more, if it was."""
        key = pack_u64(ino)
        if txn.get(REMOVAL, key) == _FOLDER:
            txn.count_up(ENGINE_META, _FOLDERS, -1)
        txn.delete(REMOVAL, key)

    def is_one(self, txn: Txn, ino: Inode) -> bool:
        """Whether a peer deleted it and it is still here."""
        return txn.count(REMOVAL) > 0 and txn.get(REMOVAL, pack_u64(ino)) is not None

    def count(self, txn: Txn) -> int:
        """How many; at once."""
        return txn.count(REMOVAL)

    def folders(self, txn: Txn) -> int:
        """How many of them are folders; at once."""
        return txn.counter(ENGINE_META, _FOLDERS)

    def page(self, txn: Txn, after: Inode, limit: int) -> list[Inode]:
        """Up to `limit` of them, by inode, beyond `after`."""
        keys = islice(txn.scan_keys(REMOVAL, start=pack_u64(after + 1)), limit)
        return [inode_of(key) for key in keys]

    def left(self, txn: Txn) -> int:
        """How many files and folders are real here; at once."""
        return txn.count(REAL)

    def guarding(self, txn: Txn) -> Guarding:
        """What is done with them."""
        return Guarding(unpack_u64(txn.get(ENGINE_META, _GUARDING) or pack_u64(0)))

    def guard(self, txn: Txn, guarding: Guarding) -> None:
        """What is to be done with them from now on."""
        txn.put(ENGINE_META, _GUARDING, pack_u64(guarding))

    def wave(self, txn: Txn) -> Wave:
        """What peers removed of late."""
        data = txn.get(ENGINE_META, _WAVE) or b"\0" * 24
        return Wave(*(unpack_u64(data[at : at + 8]) for at in (0, 8, 16)))

    def set_wave(self, txn: Txn, wave: Wave) -> None:
        """The same, afterwards."""
        numbers = (wave.removed, wave.since_ns, wave.last_ns)
        txn.put(ENGINE_META, _WAVE, b"".join(map(pack_u64, numbers)))
