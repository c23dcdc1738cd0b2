"""The commands fetch, evict and move: what they print while they go on."""

import pytest

from realizefs.cli.commands_cache import Progress, _shown

PATH = "/home/me/Photos/" + "a long name of a folder/" * 4 + "[bold]:dog: 1.jpg"
TOLD = {
    "files": 0,
    "bytes": 0,
    "total_files": 1,
    "total_bytes": 10,
    "failed": 1,
    "failures": [{"path": PATH, "why": "desk: Its file can't be read: Input/output error."}],
}


def test_a_failure_is_one_line_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines were cut at 80 columns for programs, too, and :dog: was shown as one."""
    with _shown(as_json=False) as told:
        told(Progress(TOLD))
    assert capsys.readouterr().err.splitlines() == [
        f"{PATH}: desk: Its file can't be read: Input/output error."
    ]
