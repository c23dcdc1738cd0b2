"""invite --lan and join without a code: what a person sees and types, while daemon and he may speak in any
order."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from realizefs.cli.main import run
from realizefs.model.control import (
    HOME_VARIABLE,
    SOCKET_NAME,
    Failed,
    Request,
    decode_reply,
    decode_request,
    encode_failure,
    encode_progress,
    encode_result,
)

ASKED = {"peer": "lap\x1b", "code": "481 302", "ask": 1}
OPEN = {"open_seconds": 300, "name": "desk"}
JOINED = {"inviter": "desk", "arenas": [{"name": "docs", "root": "/r", "mark": "watch"}]}
DESK, NAS = (
    {"name": name, "addresses": [f"10.0.0.{number}:1"]}
    for number, name in ((1, "desk"), (2, "nas"))
)


class Daemon:
    """Plays a script for each command: what it tells, where it waits for a reply, how it ends."""

    def __init__(self, home: Path, scripts: dict[str, list[Any]]) -> None:
        self.asked: list[Request] = []
        self.replies: list[tuple[int, bool]] = []
        self._scripts = scripts
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(home / SOCKET_NAME))
        self._listening.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    self.asked.append(decode_request(line))
                    self._play(connection, lines, self._scripts[self.asked[-1].command])

    def _play(self, connection: socket.socket, lines: Any, script: list[Any]) -> None:
        for step in script:
            if step is reply:
                self.replies.append(decode_reply(lines.readline()))
            else:
                connection.sendall(step)

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()


reply = object()
told, done = encode_progress, encode_result


@contextmanager
def daemon(home: Path, **scripts: list[Any]) -> Iterator[Daemon]:
    playing = Daemon(home, {name.replace("_", "-"): script for name, script in scripts.items()})
    try:
        yield playing
    finally:
        playing.stop()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Where to write what a person types."""
    reads, writes = os.pipe()
    monkeypatch.setattr("realizefs.cli.conversation.STANDARD_INPUT", reads)
    yield writes
    os.close(writes)
    os.close(reads)


def test_the_code_is_shown_and_the_answer_goes_back(
    home: Path, keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keys, b"y\n")
    script = [told(OPEN), told(ASKED), reply, done({"joined": "lap", "arenas": ["docs"]})]
    with daemon(home, invite_lan=script) as playing:
        assert run(["invite", "docs", "--lan"]) == 0
    assert playing.replies == [(1, True)]
    shown = capsys.readouterr()
    assert 'Open for pairing for 5 minutes, as "desk"' in shown.out
    assert "\n    481 302\n" in shown.err
    assert "Does lap\\x1b show the same code? [y/N]" in shown.err
    assert shown.out.endswith("lap has joined docs.\n")


@pytest.mark.parametrize("typed", [b"n\n", b"\n", b"yesterday\n", b"\xff\n"])
def test_only_yes_is_yes(home: Path, keys: int, typed: bytes) -> None:
    os.write(keys, typed)
    script = [told(ASKED), reply, encode_failure(Failed("Nobody has paired.", status=2))]
    with daemon(home, invite_lan=script) as playing:
        assert run(["invite", "docs", "--lan"]) == 2
    assert playing.replies == [(1, False)]


def test_a_question_that_is_settled_meanwhile_is_put_away(
    home: Path, keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other machine went away while its user here still looks; the next question is another one."""
    script = [
        *(told(ASKED), told({"note": "lap was not paired. It went away."})),
        *(told(ASKED | {"ask": 2, "code": "000 001"}), told({"note": "lap again."})),
        encode_failure(Failed("Nobody has paired.", status=2)),
    ]
    with daemon(home, invite_lan=script) as playing:
        assert run(["invite", "docs", "--lan"]) == 2
    assert playing.replies == []
    shown = capsys.readouterr()
    assert "It went away." in shown.out
    assert "000 001" in shown.err


def test_what_was_typed_before_a_code_was_seen_does_not_say_yes_to_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a terminal: he types yes to a code just when the other machine goes away, and another comes."""
    keyboard, terminal = os.openpty()
    monkeypatch.setattr("realizefs.cli.conversation.STANDARD_INPUT", terminal)
    os.write(keyboard, b"y\ny\n")
    script = [
        *(told(ASKED), told({"note": "lap was not paired."})),
        encode_failure(Failed("Nobody has paired.", status=2)),
    ]
    with daemon(home, invite_lan=script) as playing:
        assert run(["invite", "docs", "--lan"]) == 2
    assert playing.replies == []
    os.close(keyboard)
    os.close(terminal)


def test_one_machine_is_joined_without_further_ado(
    home: Path, keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keys, b"y\n")
    pairing = [told(ASKED | {"peer": "desk"}), reply, done(JOINED)]
    with daemon(home, neighbours=[done([DESK])], pair=pairing) as playing:
        assert run(["join"]) == 0
    assert 'Joined "docs" of desk; its root is /r' in capsys.readouterr().out
    where = {"directory": None, "parent": str(home), "mark": None}
    assert playing.asked[1] == Request("pair", {"addresses": DESK["addresses"], **where})


def test_of_several_a_person_chooses(
    home: Path, keys: int, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keys, b"2\ny\n")
    pairing = [told(ASKED), reply, done(JOINED)]
    with daemon(home, neighbours=[done([DESK, NAS])], pair=pairing) as playing:
        assert run(["join", "--lan", "there", "--mark", "keep"]) == 0
    assert "nas" in capsys.readouterr().out
    where = {"directory": str(home / "there"), "parent": str(home), "mark": "keep"}
    assert playing.asked[1] == Request("pair", {"addresses": NAS["addresses"], **where})
    assert playing.replies == [(1, True)]


@pytest.mark.parametrize("typed", [b"3\n", b"0\n", b"desk\n", b"\n", "²\n".encode()])
def test_what_is_the_number_of_none_joins_none(
    home: Path, keys: int, typed: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    os.write(keys, typed)
    with daemon(home, neighbours=[done([DESK, NAS])]):
        assert run(["join"]) == 2
    assert "the number of none" in capsys.readouterr().err


def test_where_nobody_is_open_a_sentence_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(home, neighbours=[done([])]):
        assert run(["join"]) == 2
    assert "realizefs invite ARENA --lan" in capsys.readouterr().err
    assert run(["join", "--lan", "a", "b"]) == 2
