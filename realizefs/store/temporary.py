"""tmp/ of an arena: names of what is about to be published in the root, for a moment.

A name ends in the one that the thing will have, so that what start-up moves from here to the trash
(see `StateDirectory.empty_temp`) is called what its user called it.
"""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass

from realizefs.store.publish import Place

PREFIX_BYTES = 25
"""Of a name, before the one that the thing will have: 24 hex digits and a dash."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """The directory open as `fd`; any thread, OSErrors pass through."""

    fd: int

    def place(self, of: bytes = b"") -> Place:
        """A free name for something that will be called `of`."""
        return self.fd, secrets.token_hex(12).encode() + b"-" + of[: 255 - PREFIX_BYTES]

    def file(self) -> tuple[int, bytes]:
        """A new empty file of mode 0600: an fd for reading and writing, and its name."""
        _, name = self.place()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        return os.open(name, flags, 0o600, dir_fd=self.fd), name

    def symlink(self, target: bytes, mtime_ns: int, of: bytes = b"") -> tuple[bytes, int]:
        """A new symlink, to be published over another one; its name and inode."""
        _, name = self.place(of)
        os.symlink(target, name, dir_fd=self.fd)
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=self.fd, follow_symlinks=False)
        return name, os.lstat(name, dir_fd=self.fd).st_ino

    def link(self, directory: int, name: bytes, of: bytes = b"") -> bytes:
        """Another name of a file in one of our own directories (a blob)."""
        _, new = self.place(of)
        os.link(name, new, src_dir_fd=directory, dst_dir_fd=self.fd)
        return new

    def stamp(self, name: bytes, mode: int, mtime_ns: int) -> None:
        """Give a file the permission bits and mtime that it is to be published with."""
        os.chmod(name, mode & 0o7777, dir_fd=self.fd)
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=self.fd)

    def drop(self, name: bytes, ino: int) -> None:
        """Remove a name that wasn't published, if it still is of `ino`: what came out of the root
        in its place, and couldn't go back, is left for start-up to move to the trash."""
        with suppress(FileNotFoundError):
            if os.lstat(name, dir_fd=self.fd).st_ino == ino:
                os.unlink(name, dir_fd=self.fd)

    def names_of(self, ino: int) -> list[bytes]:
        """The names that an inode has here."""
        with os.scandir(self.fd) as found:
            return [os.fsencode(one.name) for one in found if one.inode() == ino]

    def names_for(self, of: bytes) -> list[bytes]:
        """The names here of what is, or was, to be called `of`."""
        names = [os.fsencode(one) for one in os.listdir(self.fd)]
        return [one for one in names if one[PREFIX_BYTES:] == of[: 255 - PREFIX_BYTES]]
