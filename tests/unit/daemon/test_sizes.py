"""Sizes as people write them."""

import pytest

from realizefs.daemon.sizes import parse_size, show_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1500", 1500),
        ("12B", 12),
        ("10GiB", 10 * 2**30),
        ("10G", 10 * 2**30),
        ("10 gib", 10 * 2**30),
        ("500MB", 500 * 10**6),
        ("1.5K", 1536),
        ("2T", 2**41),
    ],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "lots", "-1", "1e9", "10XB", "1.G", "GiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


@pytest.mark.parametrize("size", [0, 1, 1500, 1024, 3 * 2**29, 10 * 2**30, 2**41 + 1])
def test_what_is_shown_is_read_again(size: int) -> None:
    assert parse_size(show_size(size)) == size
