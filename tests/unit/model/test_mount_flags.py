"""What `-o` and fstab may say."""

import pytest

from realizefs.model.errors import Misuse
from realizefs.model.mount_flags import MountChoice, check_flags, parse_mount_options


def test_ours_are_taken_and_mount_s_own_are_passed_over() -> None:
    text = "rw,noauto,user,_netdev,x-systemd.automount,comment=photos,ro,noexec,home=/srv/home"
    assert parse_mount_options(text) == MountChoice(frozenset({"ro", "noexec"}), "/srv/home")


def test_what_mount_fuse_adds_by_itself_means_nothing() -> None:
    assert parse_mount_options("rw,dev,suid") == MountChoice()


@pytest.mark.parametrize("option", ["cache", "home=", "uid=1000", "allow_others"])
def test_an_unknown_option_is_refused_by_name(option: str) -> None:
    with pytest.raises(Misuse, match=f'^"{option}" is not a mount option of RealizeFS'):
        parse_mount_options(f"rw,{option}")


def test_only_flags_reach_the_kernel() -> None:
    check_flags(frozenset({"ro", "allow_other"}))
    with pytest.raises(Misuse, match="default_permissions"):
        check_flags(frozenset({"ro", "default_permissions"}))
