"""Real files through the mount: natively there, and what an application expects."""

import errno
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mount.conftest import Bench


def test_what_is_written_is_a_plain_file_in_the_root(bench: Bench) -> None:
    (bench.mnt / "a").write_bytes(b"hello")
    assert (bench.root / "a").read_bytes() == b"hello"
    assert (bench.mnt / "a").read_bytes() == b"hello"
    assert b"a" in bench.arena.touched_paths
    assert bench.arena.open_for_writing == []
