"""Writes completions and pages of the manual below DIR, as they belong below `share` of a system.

usage: python scripts/write_share.py DIR
"""

import shutil
import sys
from pathlib import Path

from realizefs.cli.commands_completion import write_share
from realizefs.cli.main import cli


def main() -> None:
    """Write them anew."""
    directory = Path(sys.argv[1])
    shutil.rmtree(directory, ignore_errors=True)
    write_share(cli, directory)


if __name__ == "__main__":
    main()
