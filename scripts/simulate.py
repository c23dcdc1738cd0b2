#!/usr/bin/env python3
"""Simulate households, a run for each seed, and report: scripts/simulate.py FIRST LAST [--jobs N]

One line for each run that fails, shrunk to what it takes, and at the end how many ran, of how many
peers, and how fast. The exit status is 1 if any failed.
"""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path

sys.path.insert(0, os.fspath(Path(__file__).resolve().parents[1]))

from tests.sim.plan import make
from tests.sim.shrink import failure, shrunk, story


def run(seed: int) -> tuple[int, int, str | None]:
    """The seed, its number of peers, and what is wrong."""
    logging.disable(logging.CRITICAL)
    plan = make(seed)
    return seed, len(plan.marks), failure(plan)


def report(results: Iterator[tuple[int, int, str | None]]) -> bool:
    """Print what comes; whether all was well."""
    began, peers, failed = time.monotonic(), Counter[int](), []
    for seed, count, told in results:
        peers[count] += 1
        if told is not None:
            failed.append(seed)
            print(f"seed {seed}: {told}", flush=True)
    seconds, runs = time.monotonic() - began, peers.total()
    of = ", ".join(f"{runs} of {count}" for count, runs in sorted(peers.items()))
    print(f"{runs} runs ({of} peers), {len(failed)} failed, {runs / seconds:.2f} runs/s: {failed}")
    return not failed


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, nargs="?")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--shrink", action="store_true", help="cut down the run of one seed")
    chosen = parser.parse_args()
    if "PYTHONHASHSEED" not in os.environ:  # sets of bytes have an order: the same one every time
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.argv])
    last = chosen.first if chosen.last is None else chosen.last
    if chosen.shrink:
        logging.disable(logging.CRITICAL)
        print("\n".join(story(shrunk(make(chosen.first)))))
        return
    with Pool(chosen.jobs) as pool:
        well = report(pool.imap_unordered(run, range(chosen.first, last + 1), chunksize=4))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
