"""`make bench`: runs the benchmarks beside this file, each in a process of its own.

    .venv/bin/python scripts/bench.py [NAME…]

NAME is that of a `bench_NAME.py`; without one all run. Each prints its own table, and compares two
ways within one run: a ratio says something on a busy machine, too, where a speed alone doesn't.
"""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = {
    path.stem.removeprefix("bench_"): path
    for path in sorted(Path(__file__).parent.glob("bench_*.py"))
}


def main(names: list[str]) -> int:
    """Run those named, or all; 0 if all ran."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"There is no {', '.join(unknown)}; there is {', '.join(BENCHMARKS)}.")
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"{name}:", flush=True)
        failed += subprocess.run([sys.executable, BENCHMARKS[name]], check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
