"""Loads the schemas: from the package in a wheel, from the checkout's capnp/ otherwise."""

from functools import cache
from pathlib import Path
from typing import Any

import capnp

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def load(name: str) -> Any:
    """The schema module of `name`.capnp; loaded once a process, when it is first needed."""
    packaged = _PACKAGE / "capnp" / f"{name}.capnp"
    path = packaged if packaged.exists() else _PACKAGE.parent / "capnp" / f"{name}.capnp"
    return capnp.load(str(path))
