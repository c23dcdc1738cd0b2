"""One process at a time, and none after its death."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from realizefs.model.errors import AlreadyRunning, StoreFault
from realizefs.store.lock import Lock

HOLD = """
import sys, pathlib
from realizefs.store.lock import Lock
lock = Lock(pathlib.Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with Lock(tmp_path / "lock"):
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}; stop") as caught:
            Lock(tmp_path / "lock")
        assert str(tmp_path) in str(caught.value)
    Lock(tmp_path / "lock").close()


def test_it_dies_with_its_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunning, match=f"process {process.pid};"):
            Lock(tmp_path / "lock")
        process.kill()
    Lock(tmp_path / "lock").close()


def test_where_no_file_can_be_made_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreFault, match="can't be opened: No such file"):
        Lock(tmp_path / "missing" / "lock")
