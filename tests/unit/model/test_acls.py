"""What a chmod makes of an ACL is what Linux makes of it."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realizefs.model.acls import ACCESS, with_mode
from realizefs.model.errors import Misuse
from tests.fakes.acls import acl

rights = st.integers(0, 7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(rights, rights, rights, rights, rights), st.integers(0, 0o777))
def test_as_the_kernel_has_it(tmp_path: Path, entries: tuple[int, ...], mode: int) -> None:
    file = tmp_path / "file"
    file.touch()
    os.setxattr(file, ACCESS, acl(*entries))
    file.chmod(mode)
    assert with_mode(acl(*entries), mode) == os.getxattr(file, ACCESS)


@pytest.mark.parametrize("value", [b"", b"\2\0\0", b"\1\0\0\0", acl(7, 7, 7, 7, 7)[:-1]])
def test_what_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(Misuse):
        with_mode(value, 0o600)
