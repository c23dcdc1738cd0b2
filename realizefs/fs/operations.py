"""The kernel's requests, each handed to the module that knows.

Every handler is wrapped once, by `answering.answered`, which translates its failures and counts.
"""

import errno
import os
from collections.abc import Sequence

import pyfuse3

from realizefs.fs import attrs, changes, content, items, listing, metadata, xattrs
from realizefs.fs.answering import answered, looks_again
from realizefs.fs.handles import HouseholdListing, Listing
from realizefs.fs.served import Served
from realizefs.fs.subscription import Subscription
from realizefs.fs.views import Spot, Synthetic
from realizefs.model.ids import Inode
from realizefs.model.paths import NAME_BYTES_MAX

Context = pyfuse3.RequestContext
Attributes = pyfuse3.EntryAttributes


class ArenaOperations(pyfuse3.Operations):
    """One mount's handlers; see pyfuse3.Operations for what each is asked."""

    supports_dot_lookup = False
    enable_writeback_cache = False
    """With it the kernel alone knows size and time of what it has written to, so that a change in
    the root or by a peer wouldn't be seen (R4); what only writes goes past the page cache instead,
    and 256 MiB so took 1.3 times as long as natively, sync included."""

    def __init__(self, served: Served, subscription: Subscription) -> None:
        super().__init__()
        self.enable_acl = served.acl
        self._served = served
        self._subscription = subscription

    # -- looking ----------------------------------------------------------------------------

    @answered
    async def lookup(self, parent_inode: int, name: bytes, ctx: Context) -> Attributes:
        place = self._served.view.spot(parent_inode)
        if isinstance(place, Synthetic):
            return self._lookup_synthetic(place, name)
        item = items.child(place.arena, place.ino, name)
        return self._served.entry(item, place, name) if item else attrs.of_nothing()

    def _lookup_synthetic(self, place: Synthetic, name: bytes) -> Attributes:
        self._subscription.refresh()
        ino = place.children.get(name)
        if ino is None:
            return attrs.of_nothing()
        found = self._served.view.spot(ino)
        self._served.lookups.add(ino)
        if isinstance(found, Synthetic):
            return attrs.of_synthetic(found)
        return listing.arena_root(self._served, found)

    async def forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        self._forget(inode_list)

    def _forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        for ino in self._served.lookups.forget(inode_list):
            try:
                place = self._served.view.spot(ino)
            except FileNotFoundError:
                continue  # its arena is gone
            if isinstance(place, Spot) and not self._served.handles.files(place.ino):
                for name in self._served.hardlinks.forget(place.ino):
                    place.arena.overlay.release(name)

    def end(self) -> None:
        """The session is over: nothing is open, and the kernel knows nothing."""
        for fh in self._served.handles.numbers():
            self._release(fh)
        self._forget([(ino, 2**63) for ino in self._served.lookups.known()])

    @answered
    async def getattr(self, inode: int, ctx: Context) -> Attributes:
        return self._attributes(inode)

    def _attributes(self, inode: int) -> Attributes:
        place = self._served.view.spot(inode)
        if isinstance(place, Synthetic):
            return attrs.of_synthetic(place)
        orphan = self._served.handles.orphaned(place.ino)
        if orphan is not None:
            return attrs.of_orphan(orphan, inode)
        item = self._served.find(place.arena, place.ino)
        if item.stat and not self._served.lookups.is_of_kind(inode, item.stat.st_mode):
            # A file has taken the place of a directory, say: the kernel looks the name up anew.
            raise pyfuse3.FUSEError(errno.ESTALE)
        return self._served.answer(item)

    @answered
    @looks_again
    async def readlink(self, inode: int, ctx: Context) -> bytes:
        place = self._spot(inode)
        item = self._served.find(place.arena, place.ino)
        if item.stat is None:
            return item.version.target
        return item.arena.store.root.readlink(item.path)

    @answered
    async def statfs(self, ctx: Context) -> pyfuse3.StatvfsData:
        answer = pyfuse3.StatvfsData()
        answer.f_namemax = NAME_BYTES_MAX
        for arena in self._served.view.arenas()[:1]:  # a mount has one figure: the first root's
            disk = arena.store.root.statvfs()
            for name in ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree"):
                setattr(answer, f"f_{name}", getattr(disk, f"f_{name}"))
            answer.f_favail = disk.f_favail
        return answer

    # -- directories ------------------------------------------------------------------------

    @answered
    async def opendir(self, inode: int, ctx: Context) -> int:
        place = self._served.view.spot(inode)
        self._subscription.refresh()  # an arena may have come, or come back as another object
        if isinstance(place, Spot):
            return await listing.open_directory(self._served, place.arena, place.ino)
        entries = sorted(place.children.items())
        return self._served.handles.add(HouseholdListing(inode, entries))

    @answered
    async def readdir(self, fh: int, start_id: int, token: pyfuse3.ReaddirToken) -> None:
        handle = self._served.handles.directory(fh)
        if isinstance(handle, Listing):
            await listing.reply(self._served, handle, start_id, token)
        else:
            listing.reply_synthetic(self._served, handle, start_id, token)

    @answered
    async def releasedir(self, fh: int) -> None:
        self._release(fh)

    @answered
    async def fsyncdir(self, fh: int, datasync: bool) -> None:
        await listing.sync(self._served, self._served.handles.directory(fh))

    # -- files ------------------------------------------------------------------------------

    @answered
    async def open(self, inode: int, flags: int, ctx: Context) -> pyfuse3.FileInfo:
        place = self._spot(inode)
        info = await content.open_file(self._served, place.arena, place.ino, flags, ctx)
        self._served.reader_of(info.fh, ctx.pid)
        return info

    @answered
    async def create(
        self, parent_inode: int, name: bytes, mode: int, flags: int, ctx: Context
    ) -> tuple[pyfuse3.FileInfo, Attributes]:
        place = self._directory(parent_inode)
        made = await changes.create(self._served, place, name, (mode, flags), ctx)
        self._served.reader_of(made[0].fh, ctx.pid)
        return made

    @answered
    async def read(self, fh: int, off: int, size: int) -> bytes:
        return await content.read(self._served, self._served.handles.file(fh), off, size)

    @answered
    async def write(self, fh: int, off: int, buf: bytes) -> int:
        return await content.write(self._served, self._served.handles.file(fh), off, buf)

    @answered
    async def flush(self, fh: int) -> None:
        # Writes go to the native file at once and report their own errors, so there is nothing to
        # do at close; told once, the kernel doesn't ask again.
        raise pyfuse3.FUSEError(errno.ENOSYS)

    @answered
    async def fsync(self, fh: int, datasync: bool) -> None:
        await content.sync(self._served, self._served.handles.file(fh), data_only=datasync)

    @answered
    async def release(self, fh: int) -> None:
        self._release(fh)

    def _release(self, fh: int) -> None:
        handle = self._served.handles.get(fh)
        if isinstance(handle, Listing | HouseholdListing):
            self._served.handles.remove(fh)
            listing.close(handle)
        else:
            content.release(self._served, fh)

    # -- attributes -------------------------------------------------------------------------

    @answered
    @looks_again
    async def setattr(
        self,
        inode: int,
        attr: Attributes,
        fields: pyfuse3.SetattrFields,
        fh: int | None,
        ctx: Context,
    ) -> Attributes:
        place = self._spot(inode)
        orphan = self._served.handles.orphaned(place.ino)
        if orphan is not None:
            await metadata.set_orphan(self._served, orphan, attr, fields)
        elif fh is not None and fields.update_size:
            await metadata.set_handle_size(
                self._served, self._served.handles.file(fh), attr.st_size
            )
        else:
            await metadata.set_attributes(self._served, place.arena, place.ino, (attr, fields), ctx)
        return self._attributes(inode)

    @answered
    @looks_again
    async def getxattr(self, inode: int, name: bytes, ctx: Context) -> bytes:
        # First: the kernel and `ls -l` ask thousands of times.
        xattrs.check_namespace(name, acl=self._served.acl)
        place = self._served.view.spot(inode)
        if isinstance(place, Synthetic):
            raise pyfuse3.FUSEError(pyfuse3.ENOATTR)
        return xattrs.get(place.arena, self._name(place), name)

    @answered
    @looks_again
    async def setxattr(self, inode: int, name: bytes, value: bytes, ctx: Context) -> None:
        place = self._directory(inode)
        xattrs.check_writable(name, acl=self._served.acl)
        await xattrs.put(place.arena, self._name(place), name, value)

    @answered
    @looks_again
    async def removexattr(self, inode: int, name: bytes, ctx: Context) -> None:
        place = self._directory(inode)
        xattrs.check_writable(name, acl=self._served.acl)
        await xattrs.remove(place.arena, self._name(place), name)

    @answered
    @looks_again
    async def listxattr(self, inode: int, ctx: Context) -> Sequence[bytes]:
        place = self._served.view.spot(inode)
        return [] if isinstance(place, Synthetic) else xattrs.names(place.arena, self._name(place))

    # -- names ------------------------------------------------------------------------------

    @answered
    async def mkdir(self, parent_inode: int, name: bytes, mode: int, ctx: Context) -> Attributes:
        return changes.mkdir(self._served, self._directory(parent_inode), name, mode, ctx)

    @answered
    async def symlink(
        self, parent_inode: int, name: bytes, target: bytes, ctx: Context
    ) -> Attributes:
        return changes.symlink(self._served, self._directory(parent_inode), name, target, ctx)

    @answered
    async def mknod(
        self, parent_inode: int, name: bytes, mode: int, rdev: int, ctx: Context
    ) -> Attributes:
        place = self._directory(parent_inode)
        return changes.mknod(self._served, place, name, (mode, rdev), ctx)

    @answered
    @looks_again
    async def link(
        self, inode: int, new_parent_inode: int, new_name: bytes, ctx: Context
    ) -> Attributes:
        place, target = self._spot(inode), self._directory(new_parent_inode)
        if place.arena is not target.arena:
            raise pyfuse3.FUSEError(errno.EXDEV)
        return await changes.link(self._served, place, target, new_name, ctx)

    @answered
    @looks_again
    async def unlink(self, parent_inode: int, name: bytes, ctx: Context) -> None:
        await changes.unlink(self._served, self._directory(parent_inode), name)

    @answered
    @looks_again
    async def rmdir(self, parent_inode: int, name: bytes, ctx: Context) -> None:
        await changes.rmdir(self._served, self._directory(parent_inode), name)

    @answered
    async def rename(
        self,
        parent_inode_old: int,
        name_old: bytes,
        parent_inode_new: int,
        name_new: bytes,
        flags: int,
        ctx: Context,
    ) -> None:
        old = self._directory(parent_inode_old), name_old
        await changes.rename(
            self._served, old, (self._directory(parent_inode_new), name_new), flags, ctx
        )

    # -- where ------------------------------------------------------------------------------

    def _spot(self, inode: int) -> Spot:
        """An inode that must be of an arena."""
        place = self._served.view.spot(inode)
        if isinstance(place, Synthetic):
            raise pyfuse3.FUSEError(errno.EISDIR)
        return place

    def _name(self, place: Spot) -> Inode:
        """The inode of a name of what the kernel knows."""
        return self._served.hardlinks.name_of(place.arena, place.ino)

    def _directory(self, inode: int) -> Spot:
        """An inode something is to be changed in: EROFS above the arenas."""
        place = self._served.view.spot(inode)
        if isinstance(place, Synthetic):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return place
