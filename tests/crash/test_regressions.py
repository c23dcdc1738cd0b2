"""Crashes and faults that once lost, invented or changed something, each by its name."""

import errno
import os
from pathlib import Path

from realizefs.store.realfile import Root
from tests.crash.runner import FOR_EVER, Runner

COMMIT = "sync.writer.Writer._execute_alone:commit"
IN_ROOT = "store.publish.put_in:renameat2#1"
MENDED = "store.check._commit:commit"
REPAIR_FILES = "repair the files of the cache"


def commit_after(runner: Runner, scenario: str, point: str) -> str:
    """The point of the first commit behind another point."""
    points, _ = runner.recorded(scenario)
    return next(one for one in points[points.index(point) :] if one.startswith(COMMIT))


def test_what_is_replaced_survives_a_crash_before_it_is_in_the_trash(runner: Runner) -> None:
    """It was in tmp/ at that moment, which start-up emptied."""
    point = "sync.trash.Trash.keep:renameat2#1"
    assert runner.killed_at("realize over an outdated file", point, after=False) == []


def test_what_is_replaced_goes_back_if_the_trash_refuses_it(runner: Runner) -> None:
    """It was deleted as if it were the temp link of the new version."""
    point = "sync.trash.Trash.keep:renameat2#1"
    for times in (1, FOR_EVER):
        found = runner.failed_at("realize over an outdated file", point, errno.EIO, times, True)
        assert found == []


def test_what_came_out_instead_of_the_expected_file_is_not_deleted(runner: Runner) -> None:
    """Putting it back failed, and then it was taken for the temp link."""
    point = "store.publish._replace:renameat2#2"
    scenario = "realize while a program saves over it"
    assert runner.killed_at(scenario, point, after=False) == []
    assert runner.failed_at(scenario, point, errno.EIO, 1, False) == []


def test_a_crash_after_publish_is_no_change_of_ours(runner: Runner) -> None:
    """The peer's version was told back as a version made here."""
    point = "store.blobdir.BlobDirectory.remove:unlink#1"
    assert runner.killed_at("realize over an outdated file", point, after=False) == []


def test_a_crash_between_permissions_and_mtime_undoes_no_edit(runner: Runner) -> None:
    """Half of the peer's metadata with half of ours was told as a local change."""
    point = "store.in_root.stamp:utime#1"
    assert runner.killed_at("realize permissions and mtime", point, after=False) == []


def test_what_a_program_saves_during_an_unrealize_never_becomes_a_blob(runner: Runner) -> None:
    """Its bytes were called the verified ones of another content, and left the root."""
    point = "store.publish.take_out:renameat2#2"
    scenario = "unrealize while a program saves over it"
    assert runner.killed_at(scenario, point, after=False) == []
    assert runner.failed_at(scenario, point, errno.EIO, 1, True) == []


def test_a_temp_link_that_stays_is_not_taken_for_the_real_file(runner: Runner) -> None:
    """The blob was given up, and the temp link with the only bytes at the next start."""
    found = runner.failed_at("realize what is cached", IN_ROOT, errno.EIO, FOR_EVER, False)
    assert found == []


def test_a_temp_link_that_stays_does_not_bar_the_way_back(runner: Runner) -> None:
    """It counted as another hard link of the user's, and the file couldn't become unreal."""
    assert runner.failed_at("make real for writing", IN_ROOT, errno.EIO, FOR_EVER, True) == []


def test_what_became_real_is_no_blob_though_its_commit_failed(runner: Runner) -> None:
    """A row without a file called the content verified; the next unrealize threw it away."""
    scenario = "realize what is cached"
    point = commit_after(runner, scenario, "store.blobdir.BlobDirectory.remove:unlink#1")
    for times in (1, FOR_EVER):
        assert runner.failed_at(scenario, point, errno.ENOSPC, times, True) == []


def test_memory_does_not_believe_in_a_commit_that_failed(runner: Runner) -> None:
    """A blob counted as saved, and what it took was never given back."""
    scenario = "realize a new file"
    point = commit_after(runner, scenario, "store.blobdir.BlobDirectory.sync_names:fsync#1")
    assert runner.failed_at(scenario, point, errno.EIO, 1, True) == []


def test_nothing_is_fetched_again_for_what_a_crash_left_in_the_root(runner: Runner) -> None:
    """The engine was quicker than the scan: it stayed in the cache for ever, too."""
    point = "store.publish.put_in:fsync#1"
    assert runner.killed_at("realize what is cached", point, after=False) == []


def test_a_new_blob_has_its_size_after_a_crash(runner: Runner) -> None:
    point = "store.blobdir.BlobDirectory.make:ftruncate#1"
    assert runner.killed_at("realize a new file", point, after=False) == []


def test_a_file_found_in_tmp_goes_to_the_trash_under_its_own_name(tmp_path: Path) -> None:
    root = Root(tmp_path)
    directory, name = root.state.temp.place(b"report.txt")
    fd = os.open(name, os.O_WRONLY | os.O_CREAT, 0o600, dir_fd=directory)
    os.write(fd, b"a user's")
    os.close(fd)
    assert root.state.empty_temp() == 1
    (found,) = (tmp_path / ".realize/trash").glob("*/report.txt")
    assert found.read_bytes() == b"a user's"
    assert os.listdir(tmp_path / ".realize/tmp") == []
    root.close()


def test_whatever_is_found_in_tmp_bars_no_start(tmp_path: Path) -> None:
    """A directory with something in it, and what came out where only tmp/ knows a name."""
    root = Root(tmp_path)
    directory, name = root.state.temp.place(b"album")
    os.mkdir(name, dir_fd=directory)
    (tmp_path / ".realize/tmp" / os.fsdecode(name) / "song").write_bytes(b"a user's")
    directory, name = root.state.temp.place()
    (tmp_path / ".realize/tmp" / os.fsdecode(name)).write_bytes(b"a user's, too")
    os.mkdir(root.state.temp.place(b"ours")[1], dir_fd=directory)
    assert root.state.empty_temp() == 3
    trash = tmp_path / ".realize/trash"
    found = {file.read_bytes() for file in trash.rglob("*") if file.is_file()}
    assert found == {b"a user's", b"a user's, too"}
    assert [song.parent.name for song in trash.rglob("song")] == ["album"]
    assert os.listdir(tmp_path / ".realize/tmp") == []
    root.close()


def test_a_directory_put_there_during_a_realize_goes_back_after_a_crash(runner: Runner) -> None:
    """It lay in tmp/, where only an empty one was expected: the arena never opened again."""
    scenario = "realize while a directory takes its place"
    assert runner.killed_at(scenario, "store.publish._replace:renameat2#1", after=True) == []


def test_a_symlink_put_there_during_an_unrealize_goes_back_after_a_crash(runner: Runner) -> None:
    """It was opened as a blob, which it isn't: the arena never opened again."""
    scenario = "unrealize while a symlink takes its place"
    assert runner.killed_at(scenario, "store.publish.take_out:renameat2#1", after=True) == []


def test_a_conflict_copy_without_its_commit_deletes_nothing_at_peers(runner: Runner) -> None:
    """One name gone and another there: it passed for a rename, with a tombstone for the old name."""
    points, _ = runner.recorded("apply a conflicting edit")
    renamed = points.index("store.realfile.Root.rename:renameat2#1")
    for point in points[renamed + 1 :]:
        assert runner.killed_at("apply a conflicting edit", point, after=False) == []


def test_a_followed_rename_without_its_commit_deletes_nothing_at_peers(runner: Runner) -> None:
    """The old name got a tombstone of ours before the peer's came again."""
    points, _ = runner.recorded("follow a rename")
    renamed = points.index("store.realfile.Root.rename:renameat2#1")
    for point in points[renamed + 1 :]:
        assert runner.killed_at("follow a rename", point, after=False) == []


def test_what_a_program_saves_during_a_realize_is_an_edit_after_a_crash(runner: Runner) -> None:
    """It was in tmp/ at that moment, and went to the trash."""
    scenario = "realize while a program saves over it"
    points, _ = runner.recorded(scenario)
    swapped = points.index("store.publish._replace:renameat2#1")
    for point in points[swapped + 1 :]:
        assert runner.killed_at(scenario, point, after=False) == []


def test_a_repair_whose_sync_fails_leaves_no_deletion(runner: Runner) -> None:
    """The file was in lost+found, counted as still in the root, and missing there for the scan (R8)."""
    points, _ = runner.recorded("repair wrong bytes")
    syncs = [point for point in points if ":fsync#" in point]
    assert len(syncs) == 3
    for point in syncs:
        assert runner.failed_at("repair wrong bytes", point, errno.EIO, 1, True) == []


def test_a_blob_that_a_repair_made_longer_promises_no_zeros(runner: Runner) -> None:
    """Its file had its length before the row forgot what was missing: nothing showed that any more."""
    scenario, point = REPAIR_FILES, "store.blobdir.BlobDirectory.resize:ftruncate#1"
    points, _ = runner.recorded(scenario)
    assert runner.killed_at(scenario, point, after=True) == []
    commit = points[points.index(point) + 1]
    assert commit.startswith(MENDED)
    assert runner.failed_at(scenario, commit, errno.ENOSPC, FOR_EVER, False) == []


def test_memory_does_not_believe_in_a_repair_that_failed(runner: Runner) -> None:
    """What a blob takes was counted, though its row wasn't committed, and counted again later."""
    points, _ = runner.recorded(REPAIR_FILES)
    commits = [point for point in points if point.startswith(MENDED)]
    assert len(commits) == 5
    for point in commits:
        for times in (1, FOR_EVER):
            assert runner.failed_at(REPAIR_FILES, point, errno.EROFS, times, True) == []


def test_a_file_that_could_not_be_made_to_be_truncated_is_not_deleted(runner: Runner) -> None:
    """On a full disk `: > file` told the peers to delete it: its row was there, and it was not."""
    scenario, point = "make real for truncating", "store.realfile.Root.open:openat2#1"
    for code in (errno.ENOSPC, errno.EIO, errno.EROFS):
        assert runner.failed_at(scenario, point, code, 1, True) == []
    assert runner.killed_at(scenario, point, after=False) == []


def test_what_is_complete_in_memory_only_is_noted_again(runner: Runner) -> None:
    """Nothing was done for it, so it was decided on again at once, until a flush went well."""
    point = "sync.writer.Writer._execute:commit#1"
    for again in (True, False):
        found = runner.failed_at("update the cache", point, errno.EROFS, FOR_EVER, again)
        assert found == []
