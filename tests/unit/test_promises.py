"""What the README promises to a careful person, under "What happens when…", and the tests that hold it to that.

Each question there has its line here, and each line a test that exists.
"""

import ast
import re
from pathlib import Path

TOP = Path(__file__).parents[2]

QUESTION = re.compile(r"^- \*\*…(.+?)\?\*\*", re.MULTILINE | re.DOTALL)

HOUSEHOLD, MOUNT, CRASH = "tests/household", "tests/mount", "tests/crash"
SYNC, STORE = "tests/unit/sync", "tests/unit/store"

HELD_BY: dict[str, tuple[str, ...]] = {
    "another machine is off": (
        f"{HOUSEHOLD}/test_offline.py::test_listing_and_df_work",
        f"{HOUSEHOLD}/test_offline.py::test_cached_files_read",
        f"{HOUSEHOLD}/test_offline.py::test_an_uncached_read_fails_at_once",
        f"{HOUSEHOLD}/test_offline.py::test_the_owner_killed_in_the_midst_of_a_read",
        f"{HOUSEHOLD}/test_offline.py::test_a_mark_set_offline_is_carried_out_when_the_owner_is_back",
    ),
    "I copy, or search, a folder that isn't here": (
        f"{SYNC}/test_siblings.py::test_a_folder_that_is_read_in_order_comes_together",
        f"{SYNC}/test_siblings.py::test_nothing_comes_ahead_while_the_background_waits",
        f"{SYNC}/test_siblings.py::test_who_reads_a_few_or_jumps_gets_nothing_ahead",
    ),
    "I write to a file that isn't here": (
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_an_existing_file_is_written_through_the_mount",
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_who_waits_to_write_is_told_what_for",
        f"{SYNC}/test_two_peers.py::test_a_file_made_by_who_watches_goes_to_the_owner_and_is_cached_here",
    ),
    "I rename or delete what isn't here": (
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_renames_and_deletes_through_the_mount",
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_whole_unreal_trees_are_changed_while_their_owner_is_away",
    ),
    "I delete a file": (
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_renames_and_deletes_through_the_mount",
        f"{HOUSEHOLD}/test_guard.py::test_the_trash_is_listed_and_restored_while_a_mount_lies_over_the_root",
    ),
    "a file is deleted or changed elsewhere": (
        f"{HOUSEHOLD}/test_marks.py::test_an_owned_file_follows_the_other_owner",
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_what_a_peer_replaces_goes_to_the_trash",
        f"{HOUSEHOLD}/test_guard.py::test_the_trash_is_emptied",
    ),
    "I wonder where a file went": (
        f"{HOUSEHOLD}/test_log.py::test_who_did_what_is_told_on_both_machines",
        f"{SYNC}/test_telling.py::test_a_renamed_folder_is_one_line",
        f"{SYNC}/test_telling.py::test_what_a_peer_knew_before_is_one_line",
        f"{SYNC}/test_telling.py::test_a_file_that_is_written_all_the_time_is_told_once",
        f"{STORE}/test_journal.py::test_it_is_bounded_and_the_oldest_leave",
    ),
    "another machine deletes everything": (
        f"{HOUSEHOLD}/test_guard.py::test_much_that_is_deleted_waits_and_is_approved",
        f"{HOUSEHOLD}/test_guard.py::test_what_is_rejected_comes_back_everywhere",
        f"{HOUSEHOLD}/test_guard.py::test_a_tree_emptied_file_by_file_is_held_before_half_of_it_is_gone",
    ),
    "two machines change one file while apart": (
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_one_file_changed_on_both_sides_becomes_two",
        f"{HOUSEHOLD}/test_sync_both_ways.py::test_an_edit_wins_over_a_delete",
        f"{HOUSEHOLD}/test_conflicts.py::test_the_original_is_kept",
        f"{HOUSEHOLD}/test_conflicts.py::test_the_copy_is_kept",
        f"{HOUSEHOLD}/test_conflicts.py::test_both_are_kept",
    ),
    "I take `own` away again": (
        f"{HOUSEHOLD}/test_marks.py::test_own_makes_plain_files_and_watch_brings_them_back",
        f"{HOUSEHOLD}/test_marks.py::test_the_only_copy_stays_whatever_the_mark",
        f"{HOUSEHOLD}/test_guard.py::test_as_many_others_as_one_says_must_own_what_is_given_up",
        f"{SYNC}/test_small_caches.py::test_what_is_given_up_and_has_no_room_in_the_cache_frees_its_own",
    ),
    "the cache is full": (
        f"{STORE}/test_blobs_policy.py::test_a_scan_through_a_huge_file_leaves_the_daily_ones",
        f"{STORE}/test_blobs_parts.py::test_a_file_larger_than_the_cache_streams",
        f"{STORE}/test_blobs_limits.py::test_what_is_kept_may_exceed_max_and_is_reported",
    ),
    "a disk dies": (
        f"{HOUSEHOLD}/test_check.py::test_a_loss_is_accepted_and_peers_keep_what_they_have",
        f"{HOUSEHOLD}/test_check.py::test_a_loss_with_the_database_is_caught_up_from_peers",
        f"{HOUSEHOLD}/test_check.py::test_a_peer_that_lost_its_database_is_no_owner_any_more",
    ),
    "the disk of an arena root isn't mounted": (
        f"{HOUSEHOLD}/test_check.py::test_a_root_that_is_empty_at_the_start_deletes_nothing",
        f"{HOUSEHOLD}/test_check.py::test_a_root_that_is_moved_away_while_it_is_served",
        f"{HOUSEHOLD}/test_check.py::test_a_loss_is_accepted_and_peers_keep_what_they_have",
    ),
    "a machine is lost or given away": (
        f"{HOUSEHOLD}/test_roster.py::test_a_removed_peer_is_refused_by_one_that_was_off_then_too",
        f"{HOUSEHOLD}/test_roster.py::test_only_a_new_invitation_brings_a_removed_peer_back",
    ),
    "a machine was off for months": (
        f"{SYNC}/test_forgetting.py::test_one_that_sleeps_is_waited_for",
        f"{SYNC}/test_forgetting.py::test_who_was_removed_isnt_waited_for_and_brings_nothing_back",
    ),
    "a machine can't be reached from outside": (
        f"{HOUSEHOLD}/test_roster.py::test_peers_that_nobody_can_dial_work_as_long_as_they_dial_somebody",
    ),
    "a machine gets another address": (
        f"{HOUSEHOLD}/test_moving.py::test_a_machine_that_moves_tells_where_it_is_now",
        f"{HOUSEHOLD}/test_moving.py::test_two_that_moved_while_off_hear_of_each_other_from_a_third",
        f"{HOUSEHOLD}/test_moving.py::test_two_that_both_moved_while_off_find_each_other_on_the_network",
    ),
    "somebody is to see, but not to change": (
        f"{HOUSEHOLD}/test_access.py::test_a_peer_that_only_reads_hears_of_changes_and_makes_none",
        f"{HOUSEHOLD}/test_access.py::test_an_arena_that_is_not_for_a_peer_does_not_exist_for_it",
    ),
    "I don't trust what is stored here": (
        f"{HOUSEHOLD}/test_check.py::test_a_flipped_bit_in_the_cache_is_found_and_fetched_again",
        f"{HOUSEHOLD}/test_check.py::test_a_flipped_bit_in_a_real_file_never_reaches_the_others",
    ),
    "I uninstall it": (
        f"{HOUSEHOLD}/test_uninstall.py::test_plain_files_stay_and_nothing_else",
        f"{HOUSEHOLD}/test_uninstall.py::test_it_is_refused_where_content_is_only_in_the_cache",
        f"{HOUSEHOLD}/test_uninstall.py::test_it_is_refused_where_nobody_has_heard_of_a_change",
    ),
    "the daemon is killed": (
        f"{HOUSEHOLD}/test_crash.py::test_killed_again_and_again",
        f"{HOUSEHOLD}/test_crash.py::test_files_written_just_before_the_kill_are_shared_after_it",
        f"{HOUSEHOLD}/test_first_use.py::test_mount_over_what_a_dead_daemon_left",
    ),
    "the power fails": (
        f"{CRASH}/test_order.py::test_nothing_is_committed_that_a_power_failure_could_take_back",
        f"{MOUNT}/test_no_commits.py::test_a_mark_waits_for_its_commit",
    ),
    "another program renames files in the arena root": (
        f"{SYNC}/test_moved.py::test_a_file_keeps_its_inode_and_a_symlink_its_mark",
        f"{SYNC}/test_moved.py::test_many_files_moved_one_by_one_are_told_and_fetched_by_nobody",
    ),
    "an arena root has more folders than the kernel watches": (
        f"{SYNC}/test_root_watching.py::test_too_few_watches_are_told_and_scans_serve_instead",
    ),
    "thumbnailers and indexers come along": (
        f"{MOUNT}/test_unreal_files.py::test_programs_that_must_not_fetch",
    ),
    "a file manager shows a folder of the mount": (
        f"{HOUSEHOLD}/test_file_manager.py::test_a_file_manager_shows_what_a_peer_does",
        f"{HOUSEHOLD}/test_file_manager.py::test_a_file_manager_shows_what_is_put_in_the_arena_root",
    ),
}


def questions() -> set[str]:
    """Those that the README answers."""
    text = (TOP / "README.md").read_text()
    section = text.split("## What happens when…", 1)[1].split("\n## ", 1)[0]
    return {" ".join(found.split()) for found in QUESTION.findall(section)}


def test_every_question_that_is_answered_has_its_tests() -> None:
    assert questions() == set(HELD_BY)


def test_the_tests_of_every_answer_exist() -> None:
    missing = {test for tests in HELD_BY.values() for test in tests if not _exists(test)}
    assert not missing


def _exists(test: str) -> bool:
    file, name = test.split("::")
    tree = ast.parse((TOP / file).read_text())
    return any(
        isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name == name
        for one in tree.body
    )
