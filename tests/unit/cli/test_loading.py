"""What every command loads before it does anything: half of the time that a short one takes."""

import subprocess
import sys

HEAVY = ("trio", "rich.console", "segno", "h11", "zeroconf", "lmdb", "capnp", "pyfuse3")


def test_what_takes_long_to_load_is_loaded_by_the_commands_that_need_it() -> None:
    script = f"import sys, realizefs.cli.main; print(*(set({HEAVY}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert loaded.stdout.split() == []
