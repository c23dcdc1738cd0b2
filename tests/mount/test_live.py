"""Programs that watch the mount hear, by inotify, of what peers and others in the root do."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from realizefs.fs import hand, mountpoints
from realizefs.fs.arm import its_end
from realizefs.fs.views import SingleView
from realizefs.model.ids import Inode
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
from tests.household.machines import failure
from tests.household.waiting import until
from tests.mount.conftest import Bench
from tests.mount.watching import Watcher


def peer(bench: Bench, does: Callable[..., int | None], *args: object) -> int:
    """Returns when the kernel knows, and who watched."""
    ino = bench.view.call(does, *args) or 0
    bench.view.echoed()
    return ino


def native(bench: Bench) -> list[str]:
    return [name for name in os.listdir(bench.root) if name != ".realize"]


def test_a_peers_new_file_is_created_and_complete_for_watchers(bench: Bench) -> None:
    seen: list[bytes] = []

    def look(event: str, name: str) -> None:
        if event == "create":
            seen.append((bench.mnt / name).read_bytes())

    with Watcher(bench.mnt, look) as watcher:
        peer(bench, bench.arena.peer_adds, "new", b"content")
        watcher.hears(("create", "new"), ("close write", "new"))
    assert seen == [b"content"]
    assert native(bench) == []


def test_directories_and_symlinks_too(bench: Bench) -> None:
    with Watcher(bench.mnt) as watcher:
        peer(bench, bench.arena.peer_adds, "d", None)
        peer(bench, bench.arena.peer_adds, "l", b"x", 0o777, b"d")
        watcher.hears(("create", "d"), ("create", "l"))
    assert (bench.mnt / "d").is_dir()
    assert os.readlink(bench.mnt / "l") == "d"


def test_a_peers_deletion_is_one(bench: Bench) -> None:
    ino = peer(bench, bench.arena.peer_adds, "old")
    looked_at = peer(bench, bench.arena.peer_adds, "looked at")
    (bench.mnt / "looked at").stat()
    with Watcher(bench.mnt) as watcher:
        peer(bench, bench.arena.peer_removes, ino)
        peer(bench, bench.arena.peer_removes, looked_at)
        watcher.hears(("delete", "old"), ("delete", "looked at"))
    assert os.listdir(bench.mnt) == []


def test_a_peers_edit_is_modify_and_close_write(bench: Bench) -> None:
    ino = peer(bench, bench.arena.peer_adds, "a", b"one")
    assert (bench.mnt / "a").read_bytes() == b"one"
    with Watcher(bench.mnt) as directory, Watcher(bench.mnt / "a") as file:
        peer(bench, bench.arena.peer_changes, ino, b"three")
        directory.hears(("modify", "a"), ("close write", "a"))
        file.hears(("modify", ""), ("close write", ""))
        assert (bench.mnt / "a").read_bytes() == b"three"
    assert native(bench) == []


def test_a_peers_rename_is_a_move(bench: Bench) -> None:
    """Two rows of a peer: the new name, and a tombstone for the old one."""
    peer(bench, bench.arena.peer_adds, "to", None)
    ino = peer(bench, bench.arena.peer_adds, "from/a", b"content")
    with Watcher(bench.mnt / "from") as old, Watcher(bench.mnt / "to") as new:
        bench.view.call(rename, bench, Inode(ino), "to/b", b"content")
        old.hears(("moved from", "a"))
        new.hears(("moved to", "b"))
        assert os.listdir(bench.mnt / "from") == []
        assert (bench.mnt / "to" / "b").read_bytes() == b"content"
        assert not {"delete", "create"} & {kind for kind, _ in old.read() + new.read()}


def rename(bench: Bench, ino: Inode, path: str, content: bytes) -> None:
    bench.arena.peer_adds(path, content)
    bench.arena.peer_removes(ino)


def test_a_deleted_tree_is_gone_for_who_watches_it_and_who_watches_above(bench: Bench) -> None:
    inner = peer(bench, bench.arena.peer_adds, "d/a")
    outer = bench.arena.resolve(b"d")
    with Watcher(bench.mnt) as above, Watcher(bench.mnt / "d") as inside:
        peer(bench, bench.arena.peer_removes, inner)
        peer(bench, bench.arena.peer_removes, outer)
        above.hears(("delete", "d"))
        inside.hears(("delete self", ""))
    assert os.listdir(bench.mnt) == []


def test_what_is_done_through_the_mount_is_heard_once(bench: Bench) -> None:
    """The kernel has told it; the index hears of it afterwards, and then it is no news."""
    # What is open here while the hand is made is open there, too, for a moment: it is released late.
    until(lambda: bench.view.hand, "the hand is there")
    with Watcher(bench.mnt) as watcher:
        (bench.mnt / "a").write_bytes(b"written here")
        bench.view.settle()
        peer(bench, bench.arena.scanned, "a")
        (bench.mnt / "a").unlink()
        peer(bench, bench.arena.peer_adds, "last")
        watcher.hears(("create", "last"))
        mine = [one for one in watcher.heard if one[1] == "a"]
    assert mine == [("create", "a"), ("modify", "a"), ("close write", "a"), ("delete", "a")]


def test_what_is_done_in_the_arena_root_is_heard(bench: Bench) -> None:
    with Watcher(bench.mnt) as watcher:
        (bench.root / "a").write_bytes(b"one")
        peer(bench, bench.arena.scanned, "a")
        watcher.hears(("create", "a"))
        (bench.root / "a").write_bytes(b"other")
        peer(bench, bench.arena.scanned, "a")
        watcher.hears(("modify", "a"), ("close write", "a"))
        assert (bench.mnt / "a").read_bytes() == b"other"
        (bench.root / "a").chmod(0o600)
        peer(bench, bench.arena.scanned, "a")
        watcher.hears(("attrib", "a"))


def test_where_nobody_watches_nothing_is_called(bench: Bench) -> None:
    peer(bench, bench.arena.peer_adds, "quiet", None)
    assert os.listdir(bench.mnt / "quiet") == []
    with Watcher(bench.mnt) as watcher:
        peer(bench, bench.arena.peer_adds, "quiet/a")
        peer(bench, bench.arena.peer_adds, "b")
        watcher.hears(("create", "b"))
    assert bench.view.echoes == 1


def test_unmounting_ends_what_is_being_told(bench: Bench) -> None:
    """From outside, in the middle of it: nobody is in the way, and nothing stays behind."""
    with Watcher(bench.mnt) as watcher:
        for number in range(300):
            bench.view.call(bench.arena.peer_adds, f"f{number}")
        watcher.hears(("create", "f0"))
        its_hand = bench.view.hand
        mountpoints.unmount(bench.mnt)
        bench.view.wait_ended()
    assert its_hand is not None
    assert not Path(f"/proc/{its_hand}").exists()
    assert native(bench) == []


MOUNTED = """
import sys
from pathlib import Path
from realizefs.fs.views import SingleView
from tests.fakes.arena import FakeArena
from tests.fakes.mounted import MountedView
root, mountpoint = map(Path, sys.argv[1:])
arena = FakeArena(root)
with MountedView(SingleView(arena), mountpoint) as view:
    view.call(arena.peer_adds, "first", b"content")
    view.echoed()
    print(view.hand, flush=True)
    for number in range(1_000_000):
        {then}
"""
TELLS = MOUNTED.replace("{then}", 'view.call(arena.peer_adds, f"f{number}")')
WAITS = MOUNTED.replace("{then}", 'arena.stall = True; (mountpoint / "first").open("r+")')
SLEEPS = MOUNTED.replace("{then}", "view.wait_ended()")


@contextmanager
def daemon(tmp_path: Path, program: str) -> Iterator[tuple[subprocess.Popen[str], Path, int]]:
    """A process with a mount: itself, where it is mounted, and its hand. It is killed, and the
    mount taken away, whatever happens; what waits in the mount would else wait for ever."""
    root, mnt = tmp_path / "root", tmp_path / "mnt"
    root.mkdir()
    command = [sys.executable, "-c", program, str(root), str(mnt)]
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=checkout, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = process.stdout.readline()
        device = mountpoints.device_of(mnt)
        connection = None if device is None else hand.open_setting(device, "abort")
        try:
            yield process, mnt, int(told)
        finally:
            process.kill()
            if connection is not None:
                hand.abort(connection)
                os.close(connection)
            if mountpoints.is_mounted(mnt):
                mountpoints.unmount(mnt, lazy=True)
    assert not mountpoints.is_mounted(mnt)


def leaves_nobody_waiting(process: subprocess.Popen[str], mnt: Path, its_hand: int) -> None:
    process.kill()
    assert process.wait(30) == -9
    until(lambda: not Path(f"/proc/{its_hand}").exists(), "the hand ends")
    assert failure(os.statvfs, mnt) == errno.ENOTCONN


def test_a_daemon_killed_in_the_middle_of_it_leaves_nobody_waiting(
    fuse: None, tmp_path: Path
) -> None:
    """Its descriptor of the mount closes although somebody waits for its answer."""
    with daemon(tmp_path, TELLS) as (process, mnt, its_hand), Watcher(mnt) as watcher:
        until(lambda: len(watcher.read()) > 100, "it is in the middle")
        leaves_nobody_waiting(process, mnt, its_hand)


def test_a_killed_daemon_that_waits_for_itself_ends(fuse: None, tmp_path: Path) -> None:
    """A thread of it that waits for its own answer, as one may that tells the kernel of a change
    while somebody else does, keeps its descriptors open: no hang-up is heard."""
    with daemon(tmp_path, WAITS) as (process, mnt, its_hand):
        until(lambda: waits_for_an_answer(process.pid), "a thread waits")
        leaves_nobody_waiting(process, mnt, its_hand)


def test_the_hand_of_a_killed_daemon_leaves_the_next_mount_alone(
    fuse: None, tmp_path: Path
) -> None:
    """Which mostly has the same device number, and may be there before the hand has looked."""
    with daemon(tmp_path, SLEEPS) as (process, mnt, its_hand):
        arena = FakeArena(tmp_path / "root")
        os.kill(its_hand, signal.SIGSTOP)
        try:
            process.kill()
            assert process.wait(30) == -9
            with MountedView(SingleView(arena), mnt):
                os.kill(its_hand, signal.SIGCONT)
                until(lambda: not Path(f"/proc/{its_hand}").exists(), "the hand ends")
                assert ".realize" not in os.listdir(mnt)
        finally:
            with suppress(ProcessLookupError):  # it has ended, as it should
                os.kill(its_hand, signal.SIGCONT)
        arena.store.root.close()


def test_a_connection_whose_mount_ended_since_it_was_looked_up_is_nobodys_to_end(
    bench: Bench, tmp_path: Path
) -> None:
    """Another mount may have its number by then."""
    device = mountpoints.device_of(bench.mnt)
    assert device is not None
    ours = its_end(bench.mnt, device)
    assert ours >= 0
    os.close(ours)
    assert its_end(tmp_path, device) == -1


def waits_for_an_answer(pid: int) -> bool:
    tasks = Path(f"/proc/{pid}/task")
    return any("request_wait_answer" in _waits_for(tasks / one) for one in os.listdir(tasks))


def _waits_for(thread: Path) -> str:
    with suppress(ProcessLookupError, FileNotFoundError):  # it has ended meanwhile
        return (thread / "wchan").read_text()
    return ""
