"""A damaged database is refused with one sentence; it never takes the process down."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from realizefs.model.errors import StoreFault
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA, BLOCKS
from tests.unit.store.old_database import unpack

READ_EACH_CUT = """
import os, shutil, sys
from pathlib import Path
from realizefs.model.errors import StoreFault
from realizefs.store.env import Environment
from realizefs.store.schema import ARENA_SCHEMA

def read_all(directory):
    env = Environment(directory, ARENA_SCHEMA)
    with env.read() as txn:
        for table in ARENA_SCHEMA.tables:
            list(txn.scan(table))
    env.close()

whole, work = Path(sys.argv[1]), Path(sys.argv[2])
for size in range(0, whole.stat().st_size + 1, 4096):
    directory = work / str(size)
    directory.mkdir()
    shutil.copy(whole, directory / "data.mdb")
    os.truncate(directory / "data.mdb", size)
    child = os.fork()
    if child == 0:
        said = "read"
        try:
            read_all(directory)
        except StoreFault as error:
            said = str(error)
        print(said, flush=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        print("status", status, flush=True)
    shutil.rmtree(directory)
"""


def test_a_file_cut_short_at_any_page_is_one_sentence(memory: Path) -> None:
    """Touching a page beyond the end of a mapped file would kill the process (SIGBUS)."""
    Environment(unpack("arena-1", memory / "db"), ARENA_SCHEMA).close()
    data = memory / "db" / "data.mdb"
    (memory / "work").mkdir()
    command = [sys.executable, "-c", READ_EACH_CUT, str(data), str(memory / "work")]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(told) == data.stat().st_size // 4096 + 1
    assert told[0] == told[-1] == "read"  # an empty file is a new database
    refused = [line for line in told if line != "read"]
    assert len(refused) > 10
    assert all(line.startswith('The database "') and line.endswith(".") for line in refused)


def test_garbage_is_one_sentence(memory: Path) -> None:
    (memory / "db").mkdir()
    (memory / "db" / "data.mdb").write_bytes(b"garbage " * 1024)
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*\.$'):
        Environment(memory / "db", ARENA_SCHEMA)


def test_a_table_of_garbage_is_one_sentence(memory: Path) -> None:
    """Every page but the first two is overwritten: what begins the tree leads nowhere."""
    Environment(unpack("arena-1", memory / "db"), ARENA_SCHEMA).close()
    data = memory / "db" / "data.mdb"
    size = data.stat().st_size
    with data.open("r+b") as file:
        file.seek(2 * 4096)
        file.write(bytes(size - 2 * 4096))
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*\.$'):
        Environment(memory / "db", ARENA_SCHEMA)


def test_what_is_no_file_is_one_sentence(memory: Path) -> None:
    (memory / "db" / "data.mdb").mkdir(parents=True)
    with pytest.raises(StoreFault, match=r'^The database ".*db" failed: .*directory\.$'):
        Environment(memory / "db", ARENA_SCHEMA)


def test_a_disk_that_refuses_at_opening_is_one_sentence(
    memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(
        StoreFault, match=r"^The database .* can't be opened: Input/output error\.$"
    ):
        Environment(memory / "db", ARENA_SCHEMA)


def test_a_sound_file_keeps_its_length(memory: Path) -> None:
    env = Environment(memory / "db", ARENA_SCHEMA)
    with env.write() as txn:
        txn.put(BLOCKS, b"key", bytes(100_000))
    env.close()
    before = os.stat(memory / "db" / "data.mdb").st_size
    Environment(memory / "db", ARENA_SCHEMA).close()
    assert os.stat(memory / "db" / "data.mdb").st_size == before
