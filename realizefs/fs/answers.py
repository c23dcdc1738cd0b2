"""The operations as one mount answers them: programs, and the hand, and who waits.

What the hand asks goes to `echoes` and changes nothing. What a program has done, the kernel has
told those who watch, and `witness` remembers that. Whoever may have to wait for a peer is heeded
meanwhile (`interrupts`), and doesn't hold up others (`stalls`).
"""

import os
from functools import partial

import pyfuse3

from realizefs.fs import content
from realizefs.fs.answering import answered
from realizefs.fs.echoes import Echoes
from realizefs.fs.handles import Echo, Listing, RealFile, UnrealFile
from realizefs.fs.interrupts import Interrupts
from realizefs.fs.operations import ArenaOperations, Attributes, Context
from realizefs.fs.served import Served
from realizefs.fs.stalls import Stalls
from realizefs.fs.subscription import Subscription
from realizefs.fs.witness import Stamp

NOBODY = 0
"""The process id of no process."""


class Answers(ArenaOperations):
    """One mount's handlers."""

    def __init__(self, served: Served, subscription: Subscription, echoes: Echoes) -> None:
        super().__init__(served, subscription)
        self._echoes = echoes
        self._openers: dict[int, int] = {}
        self.interrupts = Interrupts()
        self.stalls = Stalls()

    @answered
    async def lookup(self, parent_inode: int, name: bytes, ctx: Context) -> Attributes:
        if self._echoes.are_for(ctx):
            found = self._echoes.found((parent_inode, name))
            if found is not None:
                return found
        return await super().lookup(parent_inode, name, ctx)

    @answered
    async def open(self, inode: int, flags: int, ctx: Context) -> pyfuse3.FileInfo:
        if self._echoes.are_for(ctx):
            return pyfuse3.FileInfo(fh=self._served.handles.add(Echo()), keep_cache=True)
        with self.interrupts.heeding(ctx.pid):
            info = await super().open(inode, flags, ctx)
        if isinstance(self._served.handles.get(info.fh), UnrealFile):
            self._openers[info.fh] = ctx.pid
        return info

    @answered
    async def read(self, fh: int, off: int, size: int) -> bytes:
        handle = self._served.handles.file(fh)
        if not isinstance(handle, UnrealFile):
            return await super().read(fh, off, size)
        read = partial(content.read, self._served, handle, off, size)
        # Its opener stands for the reader, of whom we aren't told.
        with self.interrupts.heeding(self._openers.get(fh, NOBODY)):
            return await (read() if handle.direct else self.stalls.read((fh, off), size, read))
        raise AssertionError("heeding raises where it doesn't go on")

    @answered
    async def create(
        self, parent_inode: int, name: bytes, mode: int, flags: int, ctx: Context
    ) -> tuple[pyfuse3.FileInfo, Attributes]:
        with self.interrupts.heeding(ctx.pid):
            info, made = await super().create(parent_inode, name, mode, flags, ctx)
        return info, self._witnessed(made)

    @answered
    async def setattr(
        self,
        inode: int,
        attr: Attributes,
        fields: pyfuse3.SetattrFields,
        fh: int | None,
        ctx: Context,
    ) -> Attributes:
        if self._echoes.are_for(ctx):
            return self._attributes(inode)
        with self.interrupts.heeding(ctx.pid):
            changed = await super().setattr(inode, attr, fields, fh, ctx)
        return self._witnessed(changed)

    @answered
    async def mkdir(self, parent_inode: int, name: bytes, mode: int, ctx: Context) -> Attributes:
        if self._echoes.are_for(ctx):
            return self._echoes.came((parent_inode, name))
        return self._witnessed(await super().mkdir(parent_inode, name, mode, ctx))

    @answered
    async def symlink(
        self, parent_inode: int, name: bytes, target: bytes, ctx: Context
    ) -> Attributes:
        if self._echoes.are_for(ctx):
            return self._echoes.came((parent_inode, name))
        return self._witnessed(await super().symlink(parent_inode, name, target, ctx))

    @answered
    async def mknod(
        self, parent_inode: int, name: bytes, mode: int, rdev: int, ctx: Context
    ) -> Attributes:
        if self._echoes.are_for(ctx):
            return self._echoes.came((parent_inode, name))
        return self._witnessed(await super().mknod(parent_inode, name, mode, rdev, ctx))

    @answered
    async def link(
        self, inode: int, new_parent_inode: int, new_name: bytes, ctx: Context
    ) -> Attributes:
        return self._witnessed(await super().link(inode, new_parent_inode, new_name, ctx))

    @answered
    async def unlink(self, parent_inode: int, name: bytes, ctx: Context) -> None:
        if self._echoes.are_for(ctx):
            self._echoes.went((parent_inode, name))
        else:
            await super().unlink(parent_inode, name, ctx)

    @answered
    async def rmdir(self, parent_inode: int, name: bytes, ctx: Context) -> None:
        if self._echoes.are_for(ctx):
            self._echoes.went((parent_inode, name))
        else:
            await super().rmdir(parent_inode, name, ctx)

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
        old, new = (parent_inode_old, name_old), (parent_inode_new, name_new)
        if self._echoes.are_for(ctx):
            self._echoes.moved(old, new)
        else:
            await super().rename(*old, *new, flags, ctx)

    def _release(self, fh: int) -> None:
        handle = self._served.handles.get(fh)
        if isinstance(handle, Echo):
            self._served.handles.remove(fh)
            return
        if isinstance(handle, Listing):
            self._served.snapshots.closed(handle.reading)
        if isinstance(handle, RealFile) and handle.writable:
            written = Stamp.of_native(os.fstat(handle.fd))
            self._served.witness.note(self._served.kernel_ino(handle.arena, handle.ino), written)
        self._openers.pop(fh, None)
        self.stalls.released(fh)
        super()._release(fh)

    def _witnessed(self, made: Attributes) -> Attributes:
        self._served.witness.note(made.st_ino, Stamp.of(made))
        return made
