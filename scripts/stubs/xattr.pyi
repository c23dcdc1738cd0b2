"""What the store uses of pyxattr. All functions raise OSError (ENODATA: no such attribute)."""

import builtins
from os import PathLike
from typing import Protocol

class _HasFileno(Protocol):
    def fileno(self) -> int: ...

_Item = str | bytes | int | PathLike[str] | PathLike[bytes] | _HasFileno

# The module has a function named `list`.
_Names = builtins.list[bytes]
_Pairs = builtins.list[tuple[bytes, bytes]]

NS_SECURITY: bytes
NS_SYSTEM: bytes
NS_TRUSTED: bytes
NS_USER: bytes
XATTR_CREATE: int
XATTR_REPLACE: int

def get(
    item: _Item, name: str | bytes, nofollow: bool = False, namespace: bytes | None = None
) -> bytes: ...
def get_all(item: _Item, nofollow: bool = False, namespace: bytes | None = None) -> _Pairs: ...
def list(item: _Item, nofollow: bool = False, namespace: bytes | None = None) -> _Names: ...
def remove(
    item: _Item, name: str | bytes, nofollow: bool = False, namespace: bytes | None = None
) -> None: ...
def set(
    item: _Item,
    name: str | bytes,
    value: str | bytes,
    flags: int = 0,
    nofollow: bool = False,
    namespace: bytes | None = None,
) -> None: ...
