"""What building a wheel or an archive of sources adds: the commit, and the shares of a system.

The commit is asked of git; an archive of sources carries it in the file BUILD, as there is no git where a
wheel is made of that. Completions and pages of the manual are made by `make dist` before (below
build/share, or where REALIZEFS_SHARE says): making them takes the program and all that it needs.
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling finds it by this name."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name more files to be packed; `version` is `editable` where nothing is."""
        if version == "editable":
            return
        top = Path(self.root)
        given = os.environ.get("REALIZEFS_SHARE")
        share = Path(given) if given else top / "build" / "share"
        files = {path: path.relative_to(share) for path in share.rglob("*") if path.is_file()}
        build = self._build_file(top)
        if self.target_name == "sdist":
            build_data["force_include"][str(build)] = "BUILD"
            shared = {str(path): f"build/share/{inside}" for path, inside in files.items()}
            build_data["force_include"].update(shared)
        else:
            build_data["force_include"][str(build)] = "realizefs/BUILD"
            shared = {str(path): f"share/{inside}" for path, inside in files.items()}
            build_data["shared_data"].update(shared)

    def _build_file(self, top: Path) -> Path:
        """A file that holds the commit."""
        carried, made = top / "BUILD", top / "build" / "BUILD"
        if carried.exists():
            return carried
        made.parent.mkdir(exist_ok=True)
        made.write_text(f"{_commit(top)}\n")
        return made


def _commit(top: Path) -> str:
    if not (top / ".git").exists():
        return ""
    command = ["git", "-C", str(top), "-c", f"safe.directory={top}", "describe"]
    try:
        done = subprocess.run(
            [*command, "--always", "--dirty", "--exclude=*"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:  # no git, no commit
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
