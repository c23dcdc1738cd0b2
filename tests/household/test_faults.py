"""What is wrong from outside: each gets one clear sentence, no traceback, and the rest goes on.
Codes that are expired, used or damaged are in test_joining."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.household.conftest import Household
from tests.household.machines import Machine, Pair, readable
from tests.household.waiting import until


def assert_still_works(pair: Pair, name: str) -> None:
    """Files still come over, on the connection that was there before."""
    assert pair.write(name, name * 1000).read_text() == name * 1000
    assert pair.bob.connected(pair.alice)


def wait_logged(machine: Machine, *parts: str) -> None:
    """One line of the log has all of these."""

    def logged() -> bool:
        lines = machine.log_text().splitlines()
        return any(all(part in line for part in parts) for line in lines)

    until(logged, f"{machine.name} logs {parts}: {machine.log_text()[-2000:]}")


@contextmanager
def tls_as(machine: Machine | None, port: int) -> Iterator[ssl.SSLSocket]:
    """A TLS connection to a port of this machine, with the certificate of `machine`'s peer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if machine is not None:
        context.load_cert_chain(machine.home / "cert.pem", machine.home / "key.pem")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain) as secured,
    ):
        yield secured


def read_to_end(stream: socket.socket) -> bytes:
    """Whatever comes until the other side hangs up, however it does."""
    received = b""
    try:
        while part := stream.recv(65536):
            received += part
    except (ConnectionError, ssl.SSLError):
        pass
    return received


def test_a_strangers_certificate_is_refused(pair: Pair, household: Household) -> None:
    stranger = household.machine("stranger")
    stranger.ask("arena", "list")  # makes its key
    with tls_as(stranger, pair.alice.port) as stream:
        read_to_end(stream)  # TLS 1.3: the client hears of it only now
    wait_logged(pair.alice, "WARNING", "certificate", "not in the roster")
    assert_still_works(pair, "after the stranger")


def test_garbage_on_the_port(pair: Pair) -> None:
    for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100_000, b"\x16\x03\x01" * 999):
        with socket.create_connection(("127.0.0.1", pair.alice.port), timeout=20) as stream:
            try:
                stream.sendall(garbage)
                stream.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass  # hung up in the midst of it
            read_to_end(stream)
    wait_logged(pair.alice, "WARNING", "A connection was refused")
    assert_still_works(pair, "after the garbage")


def test_connections_that_say_nothing_are_no_obstacle(pair: Pair) -> None:
    silent = [socket.create_connection(("127.0.0.1", pair.alice.port)) for _ in range(100)]
    try:
        assert_still_works(pair, "beside the silent")
    finally:
        for stream in silent:
            stream.close()


def frame_header(message: int, payload: int) -> bytes:
    return struct.pack(">4sII", b"RZF1", message, payload)


@pytest.mark.parametrize(
    "header",
    [frame_header(2 << 30, 0), frame_header(100, 2 << 30), frame_header(0xFFFFFFFF, 0xFFFFFFFF)],
)
def test_a_frame_of_2_gib_from_a_member(pair: Pair, header: bytes) -> None:
    """Announced by somebody who has a certificate that counts: the connection ends at once."""
    before = resident(pair.alice)
    with tls_as(pair.bob, pair.alice.port) as stream:
        stream.sendall(header + b"x" * 1000)
        read_to_end(stream)
    wait_logged(pair.alice, "a frame announces")
    assert resident(pair.alice) - before < 50_000_000
    assert_still_works(pair, f"after the frame {header.hex()}")


def test_a_frame_of_2_gib_from_a_joiner(pair: Pair) -> None:
    with tls_as(None, pair.alice.port) as stream:
        stream.sendall(frame_header(2 << 30, 0) + b"x" * 1000)
        read_to_end(stream)
    wait_logged(pair.alice, "WARNING", "a frame announces")
    assert_still_works(pair, "after the joiner")


def resident(machine: Machine) -> int:
    """Bytes of memory of its daemon."""
    return int(Path(f"/proc/{machine.pid}/statm").read_text().split()[1]) * 4096


def test_a_line_of_the_configuration_that_is_not_understood(household: Household) -> None:
    machine = household.machine("desk")
    for line, key, command in [
        ("colour = 3", "colour", "serve"),
        ('listen = "localhost:0"', "listen", "mount DIR"),
        ("= 5", "", "arena list"),
        ("[[arena]", "arena", "invite docs"),
    ]:
        machine.config.write_text(f'name = "desk"\n\n{line}\n')
        said = machine.refused(*command.replace("DIR", str(machine.directory)).split())
        assert f"{machine.config}, line 3" in said
        assert key in said
        assert "Traceback" not in said


def test_a_value_that_is_wrong_is_named_with_its_line(household: Household) -> None:
    machine = household.machine("desk")
    machine.share("docs", machine.directory / "files")
    text = machine.config.read_text()
    line = text.splitlines().index('mark = "own"') + 1
    machine.config.write_text(text.replace('mark = "own"', 'mark = "mine"'))
    said = machine.refused("serve")
    assert f"line {line}" in said
    assert '"arena.0.mark"' in said or "mark" in said
    assert "own, keep or watch" in said


def test_a_root_that_is_gone_leaves_the_other_arena_alone(household: Household) -> None:
    machine = household.machine("desk")
    gone, here = machine.directory / "gone", machine.directory / "here"
    for name, root in [("first", gone), ("second", here)]:
        machine.share(name, root)
        (root / "file").write_text(name)
    mnt = machine.directory / "mnt"
    mnt.mkdir()
    away = gone.with_name("away")
    gone.rename(away)
    machine.serve()
    problem = machine.arena("first")["problem"]
    assert problem == f'The arena root "{gone}" is gone; is its disk mounted?'
    assert machine.ask_json("status")["problems"] == [f'Arena "first": {problem}']
    machine.ask("mount", mnt)
    until((mnt / "second" / "file").exists, "the other arena is there")
    assert (mnt / "second" / "file").read_text() == "second"
    assert str(gone) in machine.refused("info", gone / "file")
    away.rename(gone)
    until(lambda: machine.arena("first")["problem"] is None, "it is taken up again")
    until((mnt / "first" / "file").exists, "and shown")


def test_an_empty_folder_in_place_of_the_root_deletes_nothing(own_pair: Pair) -> None:
    """R8: the disk below the owner's root isn't mounted."""
    pair = own_pair
    seen = pair.write("precious", "content")
    pair.alice.stop()
    away = pair.files.with_name("away")
    pair.files.rename(away)
    pair.files.mkdir()
    pair.alice.serve()
    assert "is its disk mounted?" in pair.alice.arena()["problem"]
    pair.wait_connected()
    assert seen.exists()
    pair.files.rmdir()
    away.rename(pair.files)
    until(lambda: pair.alice.arena()["problem"] is None, "it is taken up again")
    until(lambda: pair.bob.arena()["files"] == 1, "nothing is deleted")
    until(lambda: readable(seen), "it is read again")
    assert seen.read_text() == "content"


def test_a_second_daemon_is_refused(pair: Pair) -> None:
    said = pair.alice.refused("serve")
    assert f"process {pair.alice.pid}" in said
    assert "leave out -f" in pair.alice.refused("mount", "-f", pair.files)
    assert "can have only one" in pair.bob.refused("mount", pair.files)
    assert_still_works(pair, "after the second")


def test_commands_that_name_nothing_are_one_sentence(pair: Pair) -> None:
    bob = pair.bob
    assert "nothing" in bob.refused("info", pair.mnt / "nothing")
    assert "neither in a mount" in bob.refused("info", "/usr")
    assert "nothing" in bob.refused("arena", "set", "nothing", "--mark", "own")
    assert "Nothing is mounted" in bob.refused("umount", pair.root)
