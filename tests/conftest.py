"""Fixtures that every test may ask for."""

import os
import shutil

import hypothesis
import pytest

# The same examples at every run; `HYPOTHESIS_PROFILE=explore make test` looks for new ones.
# No deadline: how fast a shared machine is on a given day is not what a test asserts.
hypothesis.settings.register_profile(
    "repeat", deadline=None, derandomize=True, print_blob=True, database=None
)
hypothesis.settings.register_profile(
    "explore", deadline=None, print_blob=True, max_examples=2_000, database=None
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


def _missing_for_mounts() -> str | None:
    """What this machine lacks for a FUSE mount, as a sentence; None if nothing."""
    if shutil.which("fusermount3") is None:
        return "fusermount3 is missing: run `make setup`, or install Debian's package fuse3."
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC))
    except FileNotFoundError:
        return "/dev/fuse is missing: run `modprobe fuse`, or start the container with it."
    except OSError as error:
        return f"/dev/fuse can't be opened ({error.strerror}): allow this user to use FUSE."
    return None


@pytest.fixture(scope="session")
def fuse() -> None:
    """Asked for by every test that mounts. Where mounting can't work it fails, never skips."""
    missing = _missing_for_mounts()
    if missing:
        pytest.fail(f"This test mounts a file system, and {missing}", pytrace=False)


@pytest.fixture(scope="session")
def root() -> None:
    """Asked for by every test that acts as another user or makes networks. Without root it fails, never skips."""
    if os.geteuid() != 0:
        pytest.fail(
            "This test acts as another user, or makes networks, and so needs root.", pytrace=False
        )
