"""`.realizeignore` between real machines, in the mount and in the arena root."""

import os
from pathlib import Path

from tests.household.machines import Pair, word
from tests.household.waiting import until

IGNORE = ".realizeignore"


def names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.exists() else set()


def test_in_the_mount_ignored_files_work_and_stay(pair: Pair) -> None:
    """Made, written, renamed and removed as in any folder, and alice hears nothing of them."""
    folder = pair.mnt / "work"
    folder.mkdir()
    (folder / IGNORE).write_text("*.tmp\nbuild/\n")
    (folder / "plain").write_text("plain")
    until(lambda: names(pair.files / "work") == {IGNORE, "plain"}, "alice has what is shared")
    (folder / "x.tmp").write_text("x")
    (folder / "build" / "deep").mkdir(parents=True)
    (folder / "build" / "deep" / "out").write_text("out")
    (folder / "build" / "deep" / "out").rename(folder / "build" / "moved")
    (folder / "y.tmp").write_text("y")
    (folder / "y.tmp").unlink()
    (folder / "saved.tmp").write_text("saved whole")
    (folder / "saved.tmp").rename(folder / "plain")  # as an editor saves
    until(
        lambda: (pair.files / "work" / "plain").read_text() == "saved whole", "alice has the edit"
    )
    assert names(pair.files / "work") == {IGNORE, "plain"}
    assert names(folder) == {IGNORE, "plain", "x.tmp", "build"}
    assert (folder / "build" / "moved").read_text() == "out"
    assert word(folder / "x.tmp") == "real"
    told = pair.bob.info(folder / "x.tmp")
    assert '"*.tmp" in line 1 of "work/.realizeignore"' in told["why"]
    assert pair.bob.run("check").status == 0


def test_what_is_ignored_is_listed_too_and_not_said_to_be_missing(pair: Pair) -> None:
    """By its path in the arena root, where no mount has looked it up."""
    folder, root = pair.mnt / "seen", pair.root / "seen"
    folder.mkdir()
    (folder / IGNORE).write_text("*.tmp\nbuild/\n")
    until((root / IGNORE).exists, "the folder is in the root")
    (root / "build").mkdir()
    (root / "build" / "out").write_text("out")
    (root / "b.tmp").write_text("tmp")
    (folder / "z").write_text("shared")
    os.mkfifo(root / "fifo")

    def listed(where: Path) -> list[tuple[str, str, str]]:
        found = pair.bob.ask_json("ls", where)
        return [(one["name"], one["kind"], one["status"]) for one in found]

    alone = [("b.tmp", "file", "real"), ("build", "directory", "real"), ("fifo", "local", "real")]
    until(lambda: [name for name, _, _ in listed(root)[:-3]] == [IGNORE, "z"], "it is indexed")
    assert listed(root)[-3:] == alone, "what stays comes last"
    assert listed(root / "build") == [("out", "file", "real")]
    assert listed(root / "build" / "out") == [("out", "file", "real")]
    assert pair.bob.ask("ls", root).splitlines()[-2].split() == ["-", "watch", "-", "build/"]
    assert "There is no" in pair.bob.refused("ls", root / "build" / "none")
    assert "is never shared" in pair.bob.refused("mark", "set", "keep", root / "b.tmp")


def test_a_rename_in_the_mount_ends_no_sharing(pair: Pair) -> None:
    folder = pair.mnt / "renames"
    folder.mkdir()
    (folder / IGNORE).write_text("*.tmp\n")
    (folder / "x").write_text("x")
    until(lambda: names(pair.files / "renames") == {IGNORE, "x"}, "alice has it")
    (folder / "x").rename(folder / "x.tmp")
    until(lambda: names(pair.files / "renames") == {IGNORE, "x.tmp"}, "alice sees the rename")


def test_on_a_watching_machine_the_patterns_of_others_count(pair: Pair) -> None:
    """Bob only watches; the file of patterns is a plain file with him all the same."""
    (pair.files / "theirs").mkdir()
    (pair.files / "theirs" / IGNORE).write_text("*.tmp\n")
    until((pair.root / "theirs" / IGNORE).exists, "bob has the patterns")
    told = pair.bob.info(pair.mnt / "theirs" / IGNORE)
    assert (told["mark"], told["rule"]) == ("own", "each .realizeignore is a plain file")
    (pair.mnt / "theirs" / "x.tmp").write_text("x")
    (pair.mnt / "theirs" / "x").write_text("x")
    until(lambda: "x" in names(pair.files / "theirs"), "alice has the one")
    assert "x.tmp" not in names(pair.files / "theirs")
    (pair.files / "theirs" / "unseen.tmp").write_text("never looked up")
    assert "It is never shared" in pair.alice.info(pair.files / "theirs" / "unseen.tmp")["why"]
    assert "There is no" in pair.alice.refused("info", pair.files / "theirs" / "nothing.tmp")


def test_patterns_that_go_show_what_they_hid(pair: Pair) -> None:
    folder = pair.files / "shown"
    folder.mkdir()
    (folder / IGNORE).write_text("*.tmp\n")
    (folder / "x.tmp").write_text("x")
    (folder / "plain").write_text("plain")
    until(lambda: names(pair.mnt / "shown") == {IGNORE, "plain"}, "bob sees what is shared")
    (folder / IGNORE).unlink()
    until(lambda: names(pair.mnt / "shown") == {"x.tmp", "plain"}, "bob sees all")
    (folder / IGNORE).write_text("*\n")
    (pair.mnt / "shown" / "x.tmp").unlink()
    until(lambda: not (folder / "x.tmp").exists(), "what is shared is still deleted everywhere")
