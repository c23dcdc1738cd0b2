"""A disk that is really full: `unshare --user --map-root-user --mount python -m tests.crash.full_disk
DIR` fills a tmpfs of its own at DIR with what a peer has, makes room, and says what was wrong."""

import json
import subprocess
import sys
from pathlib import Path

import trio

from realizefs.model.errors import RealizeError
from realizefs.model.marks import Mark
from realizefs.store.hashing import hash_bytes
from tests.crash import consistency
from tests.crash.world import World

FILES = 60
SIZE = 100_000


def main(directory: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", directory], check=True)
    contents = [bytes([number]) * SIZE for number in range(FILES)]
    world = World(directory, mark=Mark.OWN)
    world.contents.update((hash_bytes(one), one) for one in contents)

    async def run() -> dict[str, object]:
        async with world.stepping():
            told = await _fill(world, contents)
            problems = consistency.problems(world)
            # With a source named mount(8) leaves out the present options, an unmapped uid.
            await trio.run_process(["mount", "-o", "remount,size=64m", "none", directory])
            for number, content in enumerate(contents):
                await world.peer_has(f"d/{number}", content)
            await world.index()
            await world.work_again()
            problems += consistency.problems(world)
            wrong = [one for one in range(FILES) if world.native(f"d/{one}") != contents[one]]
            return {"told": told, "problems": problems, "wrong": wrong}

    with world.open():
        report = trio.run(run)
    print(json.dumps(report))  # noqa: T201


async def _fill(world: World, contents: list[bytes]) -> list[str]:
    """Everything that the peer has; the sentences that came of it."""
    told: set[str] = set()
    for number, content in enumerate(contents):
        try:
            await world.peer_has(f"d/{number}", content)
            with trio.move_on_after(2):  # deciding is tried until there is room
                await world.work()
        except RealizeError as error:
            told.add(str(error))
    try:
        told.update(world.errors())
    except RealizeError as error:
        told.add(str(error))
    return sorted(told)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
