"""A disk that is really full, and then isn't any more."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.crash.runner import TOP


def test_what_a_full_disk_refused_is_done_when_there_is_room(tmp_path: Path) -> None:
    """Each refusal is a sentence, the store is sound all the time, and nothing is left undone."""
    done = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "--mount"),
            *(sys.executable, "-m", "tests.crash.full_disk", str(tmp_path)),
        ],
        cwd=TOP,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stderr} Is a user allowed to make user namespaces?"
    report = json.loads(done.stdout)
    assert report["problems"] == []
    assert report["wrong"] == []
    assert report["told"]
    assert all(one.endswith(".") for one in report["told"]), report["told"]
