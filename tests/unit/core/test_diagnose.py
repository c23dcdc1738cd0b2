"""What facts mean, a row each; and that whatever is wrong says how to mend it."""

from dataclasses import replace

import pytest

from realizefs.core import diagnose
from realizefs.model.diagnosis import (
    ArenaFacts,
    Diagnosis,
    Features,
    Health,
    HomeFacts,
    Machine,
    PeerFacts,
    Port,
)

WELL = Machine(
    kernel=(6, 1),
    fuse_error="",
    fusermount="/usr/bin/fusermount3",
    is_privileged=True,
    is_root=False,
    wants_others=False,
    allows_others=True,
    watches=524_288,
    instances=512,
    now_ns=1_800_000_000 * 10**9,
    is_clock_kept=True,
)
DISK = Features(xattrs=True, sparse=True, reflinks=True, free=50 << 30, size=100 << 30)


def only(found: list[Diagnosis], subject: str) -> Diagnosis:
    (one,) = [each for each in found if each.subject == subject]
    return one


def test_a_machine_that_is_well_has_nothing_to_mend() -> None:
    found = list(diagnose.of_machine(WELL))
    assert {one.health for one in found} == {Health.OK}
    assert not any(one.fix for one in found)


@pytest.mark.parametrize(
    ("change", "subject", "health", "fix"),
    [
        ({"fuse_error": "No such file or directory"}, "fuse", Health.WRONG, "modprobe fuse"),
        ({"fuse_error": "Permission denied"}, "fuse", Health.WRONG, "chmod"),
        ({"fuse_error": "Operation not permitted"}, "fuse", Health.WRONG, "fuse3"),
        ({"kernel": (4, 19)}, "kernel", Health.WRONG, "Upgrade"),
        ({"kernel": (5, 4)}, "kernel", Health.OK, ""),
        ({"is_privileged": False}, "fusermount3", Health.WRONG, "chmod u+s"),
        ({"is_privileged": False, "is_root": True}, "fusermount3", Health.OK, ""),
        ({"fusermount": ""}, "fusermount3", Health.WRONG, "apt install fuse3"),
        ({"fusermount": "", "is_root": True}, "fusermount3", Health.NOTE, "apt install fuse3"),
        ({"allows_others": False}, "user_allow_other", Health.OK, "/etc/fuse.conf"),
        (
            {"allows_others": False, "wants_others": True},
            "user_allow_other",
            Health.WRONG,
            "/etc/fuse.conf",
        ),
        ({"now_ns": 0}, "clock", Health.WRONG, "set-ntp"),
        ({"is_clock_kept": False}, "clock", Health.NOTE, "set-ntp"),
        ({"is_clock_kept": None}, "clock", Health.OK, ""),
    ],
)
def test_what_a_machine_lacks(
    change: dict[str, object], subject: str, health: Health, fix: str
) -> None:
    found = only(list(diagnose.of_machine(replace(WELL, **change))), subject)  # type: ignore[arg-type]
    assert found.health is health
    assert fix in found.fix


def test_few_watches_are_a_note_with_the_setting_to_raise() -> None:
    found = list(diagnose.of_machine(replace(WELL, watches=8192, instances=8)))
    notes = [one for one in found if one.health is Health.NOTE]
    assert ["fs.inotify.max_user_watches=524288" in one.fix for one in notes] == [True, False]
    assert "fs.inotify.max_user_instances=512" in notes[1].fix


@pytest.mark.parametrize(
    ("disk", "health", "says"),
    [
        (DISK, Health.OK, "51,200 MiB free"),
        (replace(DISK, xattrs=False), Health.NOTE, "no extended attributes"),
        (replace(DISK, sparse=False), Health.NOTE, "no sparse files"),
        (replace(DISK, free=1 << 30), Health.WRONG, "nearly full: 1,024 MiB"),
        (replace(DISK, writable=False), Health.WRONG, "Nothing can be made in /photos"),
        (replace(DISK, filesystem="nfs4"), Health.WRONG, "is on nfs4"),
        (replace(DISK, filesystem="ext4"), Health.OK, "51,200 MiB free"),
    ],
)
def test_disks(disk: Features, health: Health, says: str) -> None:
    found = list(diagnose.of_arena(ArenaFacts("photos", "/photos", disk)))
    assert any(one.health is health and says in one.sentence for one in found)
    assert all(one.fix for one in found if one.health is not Health.OK)


def test_an_arena_out_of_service_is_wrong() -> None:
    (found,) = diagnose.of_arena(ArenaFacts("photos", "/photos", problem="Its disk is gone."))
    assert found.health is Health.WRONG
    assert "Its disk is gone." in found.sentence


def test_ports() -> None:
    ours, taken = Port("[::]:4331", is_ours=True), Port("", is_ours=False, problem="It is taken.")
    found = list(diagnose.of_ports([ours, taken], runs=True))
    assert [one.health for one in found] == [Health.OK, Health.WRONG]
    free, alone = diagnose.of_ports([Port("localhost:1", is_ours=False)], runs=False)
    assert (free.health, alone.health) == (Health.OK, Health.NOTE)
    (nowhere,) = diagnose.of_ports([], runs=True)
    assert nowhere.health is Health.NOTE
    assert "listen" in nowhere.fix


@pytest.mark.parametrize(
    ("peer", "health", "says"),
    [
        (PeerFacts("desk", connected=True), Health.OK, "desk is connected"),
        (PeerFacts("desk", connected=True, ahead_ns=-20 * 10**9), Health.OK, "desk is connected"),
        (PeerFacts("desk", True, ahead_ns=90 * 10**9), Health.NOTE, "desk is 90 s ahead of"),
        (PeerFacts("desk", True, ahead_ns=-7200 * 10**9), Health.NOTE, "7,200 s behind"),
        (PeerFacts("desk", connected=False), Health.NOTE, "no address"),
        (PeerFacts("desk", False, (("desk:1", "Connection refused"),)), Health.NOTE, "refused"),
        (PeerFacts("desk", False, (("desk:1", ""),)), Health.NOTE, "Something answers at desk:1"),
    ],
)
def test_peers_that_are_off_are_no_fault(peer: PeerFacts, health: Health, says: str) -> None:
    (found,) = diagnose.of_peers([peer])
    assert found.health is health
    assert says in found.sentence
    assert bool(found.fix) == (health is not Health.OK)


def test_who_answers_while_no_daemon_runs_here_is_waited_for_by_nobody() -> None:
    (found,) = diagnose.of_peers([PeerFacts("desk", False, (("desk:1", ""),))], runs=False)
    assert (found.health, found.fix) == (Health.OK, "")
    assert "reached at desk:1" in found.sentence


def test_the_port_of_a_machine_that_is_off_is_its_own() -> None:
    tried = (("desk:7", "Connection refused"), ("[2001:db8::7]:7", "Connection refused"))
    (found,) = diagnose.of_peers([PeerFacts("desk", False, tried)])
    assert "TCP port 7 through" in found.fix


def test_a_disk_without_reflinks_is_told_to_have_none() -> None:
    facts = ArenaFacts("docs", "/d", replace(DISK, reflinks=False))
    (found,) = diagnose.of_arena(facts)
    assert (found.health, "sparse files, no reflinks," in found.sentence) == (Health.OK, True)


HOME = HomeFacts("/home/me/.realizefs/state", "ext4", free=50 << 30, size=100 << 30)


@pytest.mark.parametrize(
    ("home", "subject", "says", "fix"),
    [
        (replace(HOME, open_key="/k/key.pem"), "key", "Others can read /k/key.pem", "chmod 600"),
        (
            replace(HOME, filesystem="fuse.sshfs"),
            "home",
            "is on fuse.sshfs",
            "disk of this machine",
        ),
        (replace(HOME, free=1 << 20), "home", "nearly full: 1 MiB", "Make room"),
    ],
)
def test_homes(home: HomeFacts, subject: str, says: str, fix: str) -> None:
    (wrong,) = [one for one in diagnose.of_home(home) if one.health is not Health.OK]
    assert (wrong.subject, wrong.health) == (subject, Health.WRONG)
    assert says in wrong.sentence
    assert fix in wrong.fix
    assert [one.health for one in diagnose.of_home(HOME)] == [Health.OK]


def test_addresses_are_told_by_family() -> None:
    tried = [
        ("192.0.2.7:4331", ""),
        ("[2001:db8::7]:4331", "Connection refused"),
        ("desk:4331", ""),
        ("127.0.0.1:4331", ""),
    ]
    v4, v6 = diagnose.of_addresses(tried)
    assert (v4.health, v4.sentence) == (Health.OK, "By IPv4 others may reach it at 192.0.2.7:4331.")
    assert v6.health is Health.NOTE
    assert "[2001:db8::7]:4331: Connection refused" in v6.sentence
    assert "firewall" in v6.fix
    v4, v6 = diagnose.of_addresses(tried[:1])
    assert (v4.health, v6.health) == (Health.OK, Health.OK)
    assert "By IPv6 it isn't reached" in v6.sentence
    (alone,) = diagnose.of_addresses(
        [("127.0.0.1:4331", ""), ("[::1]:4331", ""), ("localhost:1", "")]
    )
    assert (alone.health, "listen" in alone.fix) == (Health.NOTE, True)
