"""First use, both views, and mounting in every state."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from realizefs.cli.main import cli
from tests.household.conftest import Household
from tests.household.machines import Machine, mounts_below
from tests.household.waiting import until


@pytest.fixture
def desk(household: Household) -> Machine:
    return household.machine("desk")


def test_mount_alone_makes_an_arena(desk: Machine) -> None:
    arena = desk.directory / "arena"
    arena.mkdir()
    (arena / "already here").write_text("content")
    said = desk.ask("mount", arena)
    assert said.count("\n") == 0
    assert "is now the root of the new arena" in said
    assert '"arena"' in said
    assert os.path.ismount(arena)
    assert (arena / "already here").read_text() == "content"
    assert ".realize" not in os.listdir(arena)
    (arena / "new").write_text("through the mount")
    desk.ask("umount", arena)
    assert not os.path.ismount(arena)
    assert desk.pid is None  # the daemon was there for the mount
    assert (arena / "new").read_text() == "through the mount"
    assert sorted(os.listdir(arena)) == [".realize", "already here", "new"]
    assert "is now" not in desk.ask("mount", arena)  # the second time it is one
    assert [each["name"] for each in desk.ask_json("arena", "list")] == ["arena"]


def test_mount_over_what_a_dead_daemon_left(desk: Machine) -> None:
    arena = desk.directory / "arena"
    arena.mkdir()
    desk.ask("mount", arena)
    (arena / "file").write_text("content")
    arena.stat()  # for a second the kernel would answer another stat itself, as if all were well
    desk.kill()
    assert mounts_below(arena) == [arena]
    desk.ask("mount", arena)
    assert len(mounts_below(arena)) == 1
    assert (arena / "file").read_text() == "content"
    desk.kill()
    desk.ask("umount", arena)  # takes it away just as well
    assert mounts_below(arena) == []
    desk.ask("mount", arena)
    desk.kill()
    desk.serve()  # and so does a daemon, where the dead mount hides the root
    assert mounts_below(arena) == []
    until(lambda: desk.arena("arena")["files"] == 1, "it is indexed")


def test_unmounting_by_others_ends_the_daemon(desk: Machine) -> None:
    arena = desk.directory / "arena"
    arena.mkdir()
    desk.ask("mount", arena)
    subprocess.run(["fusermount3", "-u", arena], check=True)
    until(lambda: desk.pid is None, "the daemon ends with its mount")


def test_sigterm_unmounts(desk: Machine) -> None:
    arena = desk.directory / "arena"
    arena.mkdir()
    desk.ask("mount", arena)
    desk.stop()
    assert mounts_below(arena) == []


def test_serve_is_asked_to_mount_and_goes_on_without(desk: Machine) -> None:
    desk.share("docs", desk.directory / "files")
    mnt = desk.directory / "mnt"
    mnt.mkdir()
    desk.serve()
    serving = desk.pid
    desk.ask("mount", mnt)
    assert desk.pid == serving
    (mnt / "file").write_text("x")
    assert (desk.directory / "files" / "file").read_text() == "x"
    desk.ask("umount", mnt)
    assert not os.path.ismount(mnt)
    assert desk.pid == serving


def test_mount_in_the_foreground_until_sigterm(desk: Machine) -> None:
    arena = desk.directory / "arena"
    arena.mkdir()
    with subprocess.Popen(desk.command("mount", "-f", arena), stderr=subprocess.PIPE) as process:
        until(lambda: os.path.ismount(arena), "it is mounted")
        assert desk.ask("status", "--wait", "10")
        assert desk.pid == process.pid
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert b"Traceback" not in said
    assert not os.path.ismount(arena)


def test_a_directory_that_is_in_use_or_missing(desk: Machine) -> None:
    said = desk.refused("mount", desk.directory / "missing" / "folder")
    assert "missing" in said
    (desk.directory / "plain").write_text("x")
    assert "plain" in desk.refused("mount", desk.directory / "plain")


def test_several_arenas_are_folders_of_the_household(desk: Machine) -> None:
    for name in ("docs", "home/photos", "home/music"):
        desk.share(name, desk.directory / name.replace("/", "-"))
        (desk.directory / name.replace("/", "-") / "file").write_text(name)
    mnt = desk.directory / "mnt"
    mnt.mkdir()
    desk.ask("mount", mnt)
    assert sorted(os.listdir(mnt)) == ["docs", "home"]
    assert sorted(os.listdir(mnt / "home")) == ["music", "photos"]
    for name in ("docs", "home/photos", "home/music"):
        until((mnt / name / "file").exists, f"{name} is there")
        assert (mnt / name / "file").read_text() == name
        assert desk.info(mnt / name / "file")["arena"] == name
    (mnt / "home/music/new").write_text("new")
    assert (desk.directory / "home-music" / "new").read_text() == "new"
    assert "home" in desk.refused("arena", "add", "home", desk.directory / "other")
    desk.share("later", desk.directory / "later")
    until(lambda: "later" in os.listdir(mnt), "an arena that is added shows up")


def test_one_arena_of_several(desk: Machine) -> None:
    for name in ("docs", "music"):
        desk.share(name, desk.directory / name)
        (desk.directory / name / name).write_text(name)
    mnt = desk.directory / "mnt"
    mnt.mkdir()
    desk.ask("mount", mnt, "--arena", "music")
    until((mnt / "music").exists, "the arena is there")
    assert os.listdir(mnt) == ["music"]
    desk.ask("umount", mnt)
    desk.ask("mount", desk.directory / "docs")  # over its own root: that arena
    assert os.listdir(desk.directory / "docs") == ["docs"]


def test_every_command_has_help(desk: Machine) -> None:
    assert "Usage: realizefs" in desk.ask("--help")
    assert "Usage: realizefs arena add" in desk.ask("arena", "add", "--help")
    for name, command in walk("", cli):
        assert command.help, name
        assert command.help.strip().split("\n")[0].endswith((".", ":")), name
        for option in command.params:
            assert isinstance(option, click.Argument) or getattr(option, "help", None), option


def walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it."""
    yield name, command
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            yield from walk(f"{name} {below}", each)


def test_the_environment_names_the_home(desk: Machine, tmp_path: Path) -> None:
    home = tmp_path / "named"
    environment = {**os.environ, "REALIZEFS_HOME": str(home)}
    program = desk.command()[0]
    subprocess.run([program, "init", "--name", "n"], env=environment, check=True)
    assert {"config.toml", "key.pem", "cert.pem", "state"} <= set(os.listdir(home))
    places = {name: str(tmp_path / name) for name in ("data", "config", "states")}
    environment = {
        **{key: value for key, value in os.environ.items() if key != "REALIZEFS_HOME"},
        "XDG_DATA_HOME": places["data"],
        "XDG_CONFIG_HOME": places["config"],
        "XDG_STATE_HOME": places["states"],
    }
    subprocess.run([program, "init", "--name", "n"], env=environment, check=True)
    assert (tmp_path / "config" / "realizefs" / "config.toml").exists()


def test_arena_set_is_in_force_at_once(desk: Machine) -> None:
    desk.share("docs", desk.directory / "files", mark="watch")
    desk.serve()
    desk.ask("arena", "set", "docs", "--mark", "own", "--cache-max", "500MB")
    arena = desk.ask_json("arena", "list")[0]
    assert (arena["mark"], arena["cache"]["max"]) == ("own", "500MB")
    assert desk.info(desk.directory / "files")["mark"] == "own"
