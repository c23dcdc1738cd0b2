"""`realizefs check`, and what a lost arena root costs: nothing at the other peers (R8)."""

import os
import shutil
from pathlib import Path

from realizefs.store.env import Environment
from realizefs.store.fingerprint import fingerprint_of
from realizefs.store.real import RealIndex
from realizefs.store.schema import ARENA_SCHEMA
from tests.household.conftest import Household
from tests.household.machines import MARK, Machine, Pair, readable, suspended, wait_word, word
from tests.household.waiting import until

CONTENT = b"content " * 100_000


def check(machine: Machine, *options: str, status: int = 0) -> list[str]:
    """The lines of a check that ends with this status."""
    done = machine.run("check", *options)
    assert done.status == status, f"{done.status}: {done.out}{done.err}"
    assert done.err == ""
    return done.out.splitlines()


def flip(path: Path, at: int) -> None:
    """A bit on a disk turns over."""
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def blob_files(root: Path) -> list[Path]:
    return [path for path in (root / ".realize/blobs").rglob("*") if path.is_file()]


def visible(root: Path) -> set[str]:
    """What is in an arena root, its state left out."""
    return {path.name for path in root.iterdir() if path.name != ".realize"}


def take_away(root: Path, seen_by: int | None) -> Path:
    """What is in an arena root goes elsewhere, its state stays: the daemon with that process sees it all
    at once."""
    away = root.with_name("away")
    away.mkdir()
    with suspended(seen_by):
        for name in visible(root):
            (root / name).rename(away / name)
    return away


def bring_back(away: Path, root: Path) -> None:
    for path in list(away.iterdir()):
        path.rename(root / path.name)
    away.rmdir()


def wait_out_of_service(machine: Machine, says: str) -> None:
    until(lambda: says in (machine.arena()["problem"] or ""), f"{machine.name} says {says}")


def wait_in_service(machine: Machine) -> None:
    until(lambda: machine.arena()["problem"] is None, f"{machine.name} has no problem")


def test_a_sound_household_is_sound_up_and_down(pair: Pair) -> None:
    kept = pair.write("sound/kept", CONTENT)
    os.setxattr(kept.parent, MARK, b"keep")
    wait_word(kept, "cached")
    for machine in (pair.alice, pair.bob):
        lines = check(machine, "--deep")
        assert lines[0].startswith("home: nothing is wrong (")
        assert lines[-1].startswith("docs: nothing is wrong (")
    found = pair.bob.ask_json("check", "docs")
    assert found["clean"]
    assert [report["name"] for report in found["reports"]] == [None, "docs"]
    pair.bob.stop()
    assert "nothing is wrong" in check(pair.bob, "--deep")[-1]
    pair.remount()
    pair.wait_connected()


def test_after_a_kill_nothing_is_wrong(own_pair: Pair) -> None:
    pair = own_pair
    for number in range(20):
        (pair.files / f"file {number}").write_bytes(CONTENT)
    until(lambda: len(list(pair.mnt.iterdir())) == 20, "bob sees them")
    os.setxattr(pair.mnt / "file 1", MARK, b"keep")
    pair.mnt.joinpath("written").write_bytes(b"just now")
    pair.bob.kill()
    assert "nothing is wrong" in check(pair.bob, "--deep")[-1]
    pair.remount()
    wait_word(pair.mnt / "file 1", "cached")
    assert "nothing is wrong" in check(pair.bob, "--deep")[-1]


def test_an_arena_that_isnt_there_is_refused(pair: Pair) -> None:
    assert 'no arena called "nothing"' in pair.bob.refused("check", "nothing")
    assert "in service" in pair.bob.refused("arena", "accept-loss", "docs", "--yes")


def test_a_flipped_bit_in_the_cache_is_found_and_fetched_again(own_pair: Pair) -> None:
    pair = own_pair
    kept = pair.write("kept", CONTENT)
    os.setxattr(kept, MARK, b"keep")
    wait_word(kept, "cached")
    until(lambda: pair.bob.arena()["pending"] == 0, "it is stored and noted, too")
    pair.bob.stop()  # what the kernel has of it is forgotten with the mount
    (blob,) = blob_files(pair.root)
    flip(blob, 200_000)
    pair.remount()
    pair.wait_connected()
    check(pair.bob)
    (told,) = check(pair.bob, "--deep", status=1)[1:-1]
    assert f'of "{kept.name}") 131072 bytes are wrong (alice has the right ones)' in told
    assert "docs: repaired: Of blob" in check(pair.bob, "--deep", "--repair")[1]
    wait_word(kept, "cached")
    until(lambda: not check_finds(pair.bob), "a second check is clean")
    assert kept.read_bytes() == CONTENT


def check_finds(machine: Machine) -> bool:
    return machine.run("check", "--deep").status != 0


def test_a_flipped_bit_in_a_real_file_never_reaches_the_others(own_pair: Pair) -> None:
    pair = own_pair
    seen = pair.write("owned", CONTENT)
    os.setxattr(seen, MARK, b"own")
    wait_word(seen, "real")
    real = pair.root / "owned"
    pair.bob.stop()
    times = real.stat()
    rot(pair, real)
    assert real.stat().st_mtime_ns == times.st_mtime_ns
    pair.remount()
    pair.wait_connected()
    told = check(pair.bob, "--deep", status=1)[1]
    assert told.startswith('docs: The bytes of "owned" are not those that were indexed')
    assert real.read_bytes() != CONTENT
    check(pair.bob, "--deep", "--repair")
    until(lambda: real.exists() and real.read_bytes() == CONTENT, "it is fetched again")
    (kept,) = (pair.root / ".realize/lost+found").iterdir()
    assert len(kept.read_bytes()) == len(CONTENT)
    assert (pair.files / "owned").read_bytes() == CONTENT
    until(lambda: not check_finds(pair.bob), "a second check is clean")


def rot(pair: Pair, real: Path) -> None:
    """Wrong bytes under a fingerprint that is as it was indexed: what a bad disk does. The change
    of the file's own times is taken back in the index, which a test can do and a disk needn't."""
    before = real.stat()
    flip(real, 300_000)
    os.utime(real, ns=(before.st_atime_ns, before.st_mtime_ns))
    env = Environment(pair.root / ".realize/db", ARENA_SCHEMA)
    try:
        with env.write() as txn:
            for ino, row in list(RealIndex().all(txn)):
                if row.fingerprint.ino == before.st_ino:
                    fresh = type(row)(fingerprint_of(os.lstat(real)), row.hash, row.vector)
                    RealIndex().put(txn, ino, fresh)
    finally:
        env.close()


def test_a_root_that_is_emptied_while_it_is_served_deletes_nothing(own_pair: Pair) -> None:
    pair = own_pair
    seen = [pair.write(name, name * 100) for name in ("one", "two", "three")]
    away = take_away(pair.files, pair.alice.pid)
    wait_out_of_service(pair.alice, "is empty although files of it are known")
    (told,) = check(pair.alice, status=1)[1:-1]
    assert "`realizefs arena accept-loss docs`" in told
    assert all(path.exists() for path in seen)
    bring_back(away, pair.files)
    wait_in_service(pair.alice)
    until(lambda: readable(seen[0]), "it is read again")
    assert [path.read_text() for path in seen] == ["one" * 100, "two" * 100, "three" * 100]
    check(pair.alice, "--deep")


def test_a_root_that_is_empty_at_the_start_deletes_nothing(own_pair: Pair) -> None:
    pair = own_pair
    seen = pair.write("only", CONTENT)
    pair.alice.stop()
    away = take_away(pair.files, None)
    pair.alice.serve()
    wait_out_of_service(pair.alice, "is empty although files of it are known")
    pair.wait_connected()
    assert seen.exists()
    bring_back(away, pair.files)
    wait_in_service(pair.alice)
    until(lambda: readable(seen), "it is read again")


def test_a_root_whose_state_is_elsewhere(household: Household) -> None:
    """The database is there and knows the files; the root is an empty folder, then none at all."""
    machine = household.machine("desk")
    root, state = machine.directory / "files", machine.directory / "state"
    machine.share("docs", root)
    (root / ".realize").rename(state)
    machine.config.write_text(machine.config.read_text() + f'state = "{state}"\n')
    for name in ("one", "two"):
        (root / name).write_text(name)
    machine.serve()
    until(lambda: machine.arena()["files"] == 2, "both are indexed")
    away = root.with_name("away")
    root.rename(away)
    wait_out_of_service(machine, "is gone; is its disk mounted?")
    root.mkdir()
    wait_out_of_service(machine, "is empty although files of it are known")
    root.rmdir()
    away.rename(root)
    wait_in_service(machine)
    until(lambda: machine.arena()["files"] == 2, "both are there")
    machine.stop()
    shutil.rmtree(root)
    said = machine.run("arena", "accept-loss", "docs")
    assert "Nobody else is known to have 2 files of them, 6 B:\n  one\n  two\n" in said.out
    machine.ask("arena", "accept-loss", "docs", "--yes")
    machine.serve()
    assert machine.arena()["problem"] is None
    assert machine.arena()["files"] == 2
    assert machine.arena()["real_bytes"] == 0


def test_a_root_that_is_moved_away_while_it_is_served(own_pair: Pair) -> None:
    pair = own_pair
    seen = pair.write("only", CONTENT)
    away = pair.files.with_name("away")
    pair.files.rename(away)
    wait_out_of_service(pair.alice, "is gone; is its disk mounted?")
    assert seen.exists()
    away.rename(pair.files)
    wait_in_service(pair.alice)
    until(lambda: readable(seen), "it is read again")


def test_the_last_file_of_a_root_may_be_deleted(own_pair: Pair) -> None:
    """What is seen to go alone is believed; so is what goes together with what stays."""
    pair = own_pair
    seen = [pair.write(f"d/{number}", "x") for number in range(9)] + [pair.write("last", "x")]
    shutil.rmtree(pair.files / "d")
    until(lambda: not any(path.exists() for path in seen[:9]), "they are deleted")
    (pair.files / "last").unlink()
    until(lambda: not seen[9].exists(), "it is deleted")
    assert pair.alice.arena()["problem"] is None


def test_a_mount_over_a_root_that_goes_and_comes(household: Household) -> None:
    """What is mounted at an arena root shows the arena that comes back."""
    machine = household.machine("desk")
    root, mnt = machine.directory / "files", machine.directory / "mnt"
    mnt.mkdir()
    machine.share("docs", root)
    (root / "one").write_text("one")
    (root / "two").write_text("two")
    machine.serve()
    machine.ask("mount", mnt)
    until(lambda: machine.arena()["files"] == 2, "both are indexed")
    away = take_away(root, machine.pid)
    wait_out_of_service(machine, "is empty")
    bring_back(away, root)
    wait_in_service(machine)
    until(lambda: {path.name for path in mnt.iterdir()} == {"one", "two"}, "both are shown")
    assert (mnt / "one").read_text() == "one"
    (mnt / "three").write_text("three")
    until(lambda: machine.arena()["files"] == 3, "what is written is indexed")


def test_a_loss_is_accepted_and_peers_keep_what_they_have(own_pair: Pair) -> None:
    pair = own_pair
    kept, alone = pair.write("kept", CONTENT), pair.write("alone", b"nobody else has this")
    os.setxattr(kept, MARK, b"keep")
    wait_word(kept, "cached")
    until(lambda: holder_known(pair, "kept"), "alice knows of bob's copy")
    shutil.rmtree(take_away(pair.files, pair.alice.pid))
    wait_out_of_service(pair.alice, "accept-loss docs")
    said = pair.alice.run("arena", "accept-loss", "docs")
    assert said.status == 2
    assert '"docs" had 2 files of 781.3 KiB' in said.out
    assert "Nobody else is known to have 1 file of them, 20 B:\n  alone\n" in said.out
    assert "say --yes" in said.err
    assert pair.alice.arena()["problem"]
    pair.alice.ask("arena", "accept-loss", "docs", "--yes")
    wait_in_service(pair.alice)
    until((pair.files / "kept").exists, "alice, who owns, fetches what bob has")
    assert (pair.files / "kept").read_bytes() == CONTENT
    assert kept.read_bytes() == CONTENT
    assert alone.exists()
    until(lambda: word(alone) == "unavailable", "nobody has it any more")
    check(pair.alice, "--deep")
    check(pair.bob, "--deep")


def holder_known(pair: Pair, name: str) -> bool:
    return pair.alice.info(pair.files / name)["holders"] == [{"peer": "bob", "state": "cached"}]


def test_a_loss_with_the_database_is_caught_up_from_peers(own_pair: Pair) -> None:
    """Another replica of the same arena: nothing is deleted, nothing comes back from the dead."""
    pair = own_pair
    kept = pair.write("d/kept", CONTENT)
    gone = pair.write("d/gone", b"deleted before")
    os.setxattr(kept, MARK, b"keep")
    wait_word(kept, "cached")
    (pair.files / "d/gone").unlink()
    until(lambda: not gone.exists(), "bob hears of the deletion")
    pair.alice.stop()
    shutil.rmtree(pair.files)
    pair.files.mkdir()
    pair.alice.serve()
    wait_out_of_service(pair.alice, "accept-loss docs")
    said = pair.alice.run("arena", "accept-loss", "docs")
    assert 'The database of "docs" went with its root' in said.out
    pair.alice.ask("arena", "accept-loss", "docs", "--yes")
    wait_in_service(pair.alice)
    until((pair.files / "d/kept").exists, "alice fetches what bob has")
    assert (pair.files / "d/kept").read_bytes() == CONTENT
    assert visible(pair.files / "d") == {"kept"}
    assert {path.name for path in kept.parent.iterdir()} == {"kept"}
    check(pair.alice, "--deep")
    check(pair.bob, "--deep")


def test_a_peer_that_lost_its_database_is_no_owner_any_more(own_pair: Pair) -> None:
    """R1: nobody gives up a copy because of what the lost database said."""
    pair = own_pair
    seen = pair.write("both", CONTENT)
    os.setxattr(seen, MARK, b"own")
    wait_word(seen, "real")
    pair.alice.stop()
    shutil.rmtree(pair.files)
    pair.alice.serve()
    os.removexattr(seen, MARK)  # alice is believed to own it: bob would give it up
    pair.alice.ask("arena", "accept-loss", "docs", "--yes")
    wait_in_service(pair.alice)
    pair.wait_connected()
    until((pair.files / "both").exists, "alice has fetched it from somebody")
    assert (pair.files / "both").read_bytes() == CONTENT
    assert seen.read_bytes() == CONTENT
