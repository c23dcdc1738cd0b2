"""What is packed: the wheel, and the wheel made of the archive of sources."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def build(source: Path, kind: str, directory: Path, share: Path) -> Path:
    """Pack as pip does it, with the tools that are installed."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(directory)]
    environment = {**os.environ, "REALIZEFS_SHARE": str(share)}
    done = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = directory.iterdir()
    return built


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of sources, unpacked somewhere else; completions and pages are in it."""
    directory = tmp_path_factory.mktemp("sources")
    share = directory / "share"
    command = [sys.executable, "-m", "scripts.write_share", str(share)]
    subprocess.run(command, cwd=TOP, check=True)
    with tarfile.open(build(TOP, "sdist", directory / "sdist", share)) as archive:
        archive.extractall(directory / "unpacked", filter="data")
    (top,) = (directory / "unpacked").iterdir()
    return top


def test_a_wheel_made_of_the_sources_has_all_that_is_needed(sources: Path, tmp_path: Path) -> None:
    """There is no git there: the commit is that of the archive."""
    with zipfile.ZipFile(
        build(sources, "wheel", tmp_path / "dist", sources / "build/share")
    ) as wheel:
        inside = {name.split("/", 1)[1]: name for name in wheel.namelist()}
        assert {"capnp/peer.capnp", "capnp/records.capnp", "py.typed", "cli/main.py"} <= set(inside)
        folders = [TOP / "realizefs" / "cli" / name for name in ("desktop", "page", "schemas")]
        given = {f"cli/{one.name}/{path.name}" for one in folders for path in one.glob("*.*")}
        assert given <= set(inside)
        assert "cli/desktop/realizefs_states.py" in given
        shared = {
            "data/share/bash-completion/completions/realizefs",
            "data/share/zsh/site-functions/_realizefs",
            "data/share/fish/vendor_completions.d/realizefs.fish",
            "data/share/man/man1/realizefs.1",
            "data/share/man/man1/realizefs-service-install.1",
        }
        assert shared <= set(inside)
        assert b"realizefs = realizefs.cli.main:main" in wheel.read(inside["entry_points.txt"])
        built_of = wheel.read(inside["BUILD"]).decode().strip()
    assert not [name for name in inside if name.startswith(("tests/", "scripts/"))]
    assert built_of == commit_of(TOP)


def commit_of(top: Path) -> str:
    git = ["git", "-C", str(top), "-c", f"safe.directory={top}"]
    done = subprocess.run(
        [*git, "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
