"""What C code writes to standard error is heard, and written there all the same."""

import os

import pytest

from realizefs.fs.sayings import Sayings, overheard


def test_the_last_line_is_the_reason(capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as said:
        os.write(2, b"fuse: trying\n\nfusermount3: not allowed.\n")
    assert said.reason == "fusermount3: not allowed"
    assert capfd.readouterr().err == "fuse: trying\n\nfusermount3: not allowed.\n"


def test_what_fails_meanwhile_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    said = Sayings()

    def fail() -> None:
        nonlocal said
        with overheard() as said:
            os.write(2, b"bad\n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert said.lines == ["bad"]
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "bad\nlater\n"


def test_nothing_said_is_no_reason(capfd: pytest.CaptureFixture[str]) -> None:
    with overheard() as said:
        pass
    assert said.reason == ""
    assert capfd.readouterr().err == ""
