"""Identities: made once, private, and never a key with somebody else's certificate."""

import stat
from pathlib import Path

import pytest

from realizefs.model.errors import StoreFault
from realizefs.net.identity import fingerprint, load_or_create_identity, peer_id


def test_an_identity_is_made_once_and_kept(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path / "keys", "desk")
    again = load_or_create_identity(tmp_path / "keys", "desk")
    assert made == again
    assert made.peer == peer_id(made.certificate)
    assert fingerprint(made.certificate).startswith(f"{made.peer:016x}")
    assert stat.S_IMODE(made.key_file.stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["cert.pem", "key.pem"]


def test_machines_of_one_name_are_not_the_same(tmp_path: Path) -> None:
    first = load_or_create_identity(tmp_path / "a", "desk")
    second = load_or_create_identity(tmp_path / "b", "desk")
    assert first.peer != second.peer


@pytest.mark.parametrize("name", ["", "n" * 200, "bell\x07", "Бюро"])
def test_any_name_gives_a_certificate(tmp_path: Path, name: str) -> None:
    assert load_or_create_identity(tmp_path, name).name == name


def test_a_crash_between_key_and_certificate_is_harmless(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path, "desk")
    made.certificate_file.unlink()
    assert load_or_create_identity(tmp_path, "desk").peer != made.peer


def test_a_key_of_another_certificate_is_told(tmp_path: Path) -> None:
    made = load_or_create_identity(tmp_path / "a", "desk")
    other = load_or_create_identity(tmp_path / "b", "desk")
    made.key_file.write_bytes(other.key_file.read_bytes())
    with pytest.raises(StoreFault, match="is not the key of"):
        load_or_create_identity(tmp_path / "a", "desk")


@pytest.mark.parametrize("name", ["key.pem", "cert.pem"])
def test_damaged_files_are_told(tmp_path: Path, name: str) -> None:
    load_or_create_identity(tmp_path, "desk")
    (tmp_path / name).write_text("garbage")
    with pytest.raises(StoreFault, match="damaged"):
        load_or_create_identity(tmp_path, "desk")


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    load_or_create_identity(tmp_path, "desk").key_file.unlink()
    with pytest.raises(StoreFault, match="is lost, the key of"):
        load_or_create_identity(tmp_path, "desk")
