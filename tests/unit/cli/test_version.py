"""Which release, and which commit: of a wheel, of a checkout, of neither."""

import subprocess
from pathlib import Path

import pytest

from realizefs.cli import main, version


def test_version_says_release_and_commit(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["--version"]) == 0
    said = capfd.readouterr().out
    assert said == f"realizefs {version.release()} (commit {version.commit()})\n"
    assert version.commit()


def test_a_wheel_says_what_it_was_built_of(tmp_path: Path) -> None:
    (tmp_path / version.BUILD_FILE).write_text("1234abc\n")
    assert version.commit(tmp_path) == "1234abc"


def test_a_checkout_asks_git_and_says_when_files_differ(tmp_path: Path) -> None:
    package = tmp_path / "realizefs"
    package.mkdir()
    (package / "file").write_text("one")
    assert version.commit(package) == ""  # no checkout: not that of a folder above either
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    short = subprocess.run(
        [*git, "rev-parse", "--short", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert version.commit(package) == short
    (package / "file").write_text("two")
    assert version.commit(package) == f"{short}-dirty"
