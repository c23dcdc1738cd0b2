"""Lines of the control protocol and names of arenas."""

import pytest

from realizefs.model.arena_names import check_arena_name, check_no_prefix
from realizefs.model.control import (
    BadControlLine,
    Failed,
    Request,
    control_directory,
    decode_answer,
    decode_request,
    encode_failure,
    encode_request,
    encode_result,
    path_bytes,
    path_text,
)
from realizefs.model.errors import Misuse
from realizefs.model.limits import CONTROL_LINE_BYTES_MAX


def test_a_request_with_any_path_survives_the_line() -> None:
    request = Request("info", {"path": path_text(b"/a\xff\n\xc3\xa9"), "deep": [1, None, True]})
    line = encode_request(request)
    assert line.count(b"\n") == 1
    assert line.isascii()
    again = decode_request(line)
    assert again == request
    assert path_bytes(str(again.arguments["path"])) == b"/a\xff\n\xc3\xa9"


def test_results_and_failures_survive_the_line() -> None:
    assert decode_answer(encode_result({"a": [None]})) == {"a": [None]}
    with pytest.raises(Failed, match=r"^Broken\.$") as caught:
        decode_answer(encode_failure(Failed("Broken.", ("disk",), 2, "StoreFault")))
    failure = caught.value
    assert (failure.causes, failure.status, failure.kind) == (("disk",), 2, "StoreFault")


@pytest.mark.parametrize(
    "line", [b"", b"x", b"[]", b'{"command": 1, "arguments": {}}', b"[" * 99999]
)
def test_other_lines_are_refused(line: bytes) -> None:
    with pytest.raises(BadControlLine):
        decode_request(line)
    with pytest.raises(BadControlLine):
        decode_answer(line)


def test_lines_are_bounded_both_ways() -> None:
    with pytest.raises(BadControlLine):
        encode_result("x" * CONTROL_LINE_BYTES_MAX)
    with pytest.raises(BadControlLine):
        decode_request(b" " * (CONTROL_LINE_BYTES_MAX + 1))


def test_the_socket_is_in_the_home_or_in_the_data_directory() -> None:
    assert control_directory("/h", "/x", "/home/u") == "/h"
    assert control_directory(None, "/x", "/home/u") == "/x/realizefs"
    assert control_directory(None, " ", "/home/u") == "/home/u/.local/share/realizefs"


@pytest.mark.parametrize("name", ["photos", "home/photos", "a b", "Fotos ü", "..."])
def test_names_of_arenas(name: str) -> None:
    assert check_arena_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "/", "/a", "a/", "a//b", ".", "a/../b", ".realize", "a\n", "\udcff", "x" * 256]
)
def test_names_that_no_arena_has(name: str) -> None:
    with pytest.raises(Misuse):
        check_arena_name(name)


def test_no_arena_is_a_folder_of_another() -> None:
    check_no_prefix("home/photos", ["home/docs", "hom", "home/photos2"])
    for other in ("home", "home/photos", "home/photos/old"):
        with pytest.raises(Misuse):
            check_no_prefix("home/photos", [other])
