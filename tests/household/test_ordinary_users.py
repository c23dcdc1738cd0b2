"""An ordinary user mounts, browses, marks, kills and unmounts, with nothing that root has prepared."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.household.machines import end_process
from tests.household.users import USER, User, UsersMachine, ordinary_user
from tests.household.waiting import until


@pytest.fixture
def user(fuse: None, root: None) -> Iterator[User]:
    with ordinary_user() as somebody:
        yield somebody


@pytest.fixture
def desk(user: User) -> Iterator[UsersMachine]:
    """A machine with the arena "photos" of one picture, and no daemon."""
    machine = UsersMachine(user.home / "desk", "desk", user)
    user.ask("mkdir", user.home / "photos")
    user.ask("sh", "-c", f'printf sea > "{user.home}/photos/beach.jpg"')
    machine.share("photos", user.home / "photos")
    try:
        yield machine
    finally:
        machine.finish()


def say_and_hear(process: "subprocess.Popen[str]") -> None:
    """Wait until a program that repeats its input does so."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("in\n")
    process.stdin.flush()
    assert process.stdout.readline() == "in\n"


def test_a_user_mounts_browses_marks_and_unmounts(user: User, desk: UsersMachine) -> None:
    mnt = user.home / "mnt"
    desk.ask("mount", mnt)
    assert user.ask("cat", mnt / "beach.jpg") == "sea"
    user.ask("setfattr", "-n", "user.realize.mark", "-v", "own", mnt / "beach.jpg")
    assert user.ask("getfattr", "--only-values", "-n", "user.realize.mark", mnt / "beach.jpg") == (
        "own"
    )
    user.ask("sh", "-c", f'mkdir "{mnt}/2026" && printf sky > "{mnt}/2026/sky.jpg"')
    user.ask("mv", mnt / "2026", mnt / "2027")
    owner = user.ask("stat", "-c", "%u:%g %a", user.home / "photos" / "2027" / "sky.jpg")
    assert owner == f"{USER}:{USER} 644\n"
    assert user.run("chown", "root", mnt / "beach.jpg").status != 0
    assert user.run("cat", mnt / "beach.jpg", as_root=True).status != 0, "not even root may look"
    desk.ask("umount", mnt)
    assert user.ask("ls", mnt) == ""
    assert user.ask("cat", user.home / "photos" / "2027" / "sky.jpg") == "sky"


def test_the_arena_root_is_its_own_mountpoint(user: User, desk: UsersMachine) -> None:
    photos = user.home / "photos"
    desk.ask("mount", photos)
    assert user.ask("stat", "-f", "-c", "%T", photos) == "fuseblk\n"
    assert user.ask("cat", photos / "beach.jpg") == "sea"
    desk.ask("umount", photos)
    assert user.ask("ls", photos) == "beach.jpg\n"


@pytest.mark.parametrize("program", ['cd "$1"; cat', 'exec cat 3< "$1/beach.jpg"', 'exec "$1/cat"'])
def test_who_holds_a_mount_is_named(user: User, desk: UsersMachine, program: str) -> None:
    """By what it holds: a directory that it works in, an open file, a file in its memory."""
    photos = user.home / "photos"
    desk.ask("mount", photos)
    user.ask("cp", "/bin/cat", photos)
    with user.start("sh", "-c", program, "sh", photos) as holder:
        say_and_hear(holder)
        refusal = desk.refused("umount", photos)
        assert f'"{photos}" is in use by ' in refusal
        assert f"(pid {holder.pid})" in refusal
        assert refusal.endswith("; close it and unmount again.")
    desk.ask("umount", photos)


def test_a_mount_whose_daemon_was_killed_is_cleared_away(user: User, desk: UsersMachine) -> None:
    photos = user.home / "photos"
    desk.ask("mount", photos)
    with user.start("sh", "-c", 'exec 3>> "$1/diary"; cat; echo more >&3', "sh", photos) as writer:
        say_and_hear(writer)
        pid = desk.pid
        assert pid is not None
        end_process(pid, signal.SIGKILL)
        until(lambda: user.run("ls", photos).status != 0, "the mount is dead")
    assert writer.returncode != 0, "it is told that nothing was written"
    desk.ask("mount", photos)
    assert user.ask("cat", photos / "beach.jpg") == "sea"
    desk.ask("umount", photos)


@pytest.mark.parametrize("allowed", [False, True], ids=["refused", "allowed"])
def test_other_users_are_let_in_as_root_has_decided(
    user: User, desk: UsersMachine, allowed: bool
) -> None:
    mnt = user.home / "mnt"
    user.say_in_fuse_conf("user_allow_other" if allowed else "# nothing")
    if allowed:
        desk.ask("mount", mnt, "-o", "allow_other")
        assert user.ask("cat", mnt / "beach.jpg", as_root=True) == "sea"
        desk.ask("umount", mnt)
    else:
        refusal = desk.refused("mount", mnt, "-o", "allow_other")
        assert f'"{mnt}" can\'t be mounted: fusermount3: ' in refusal
        assert "'user_allow_other' is set in /etc/fuse.conf" in refusal


def test_a_mountpoint_of_somebody_else_is_refused(user: User, desk: UsersMachine) -> None:
    refusal = desk.refused("mount", "/usr/local")
    assert '"/usr/local" can\'t be mounted: fusermount3: ' in refusal
    assert "no write access" in refusal


def test_the_doctor_says_where_a_user_may_not_write(user: User, desk: UsersMachine) -> None:
    photos = user.home / "photos"
    assert desk.run("doctor").status == 0
    user.ask("chmod", "555", photos)
    done = desk.run("doctor")
    assert done.status == 1
    assert f"WRONG  Nothing can be made in {photos}" in done.out
    assert f"→ See `ls -ld {photos}`" in done.out
