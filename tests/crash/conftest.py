"""One child process a test file, from which the runs are forked."""

from collections.abc import Iterator

import pytest

from tests.crash.runner import Runner, running


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with running(tmp_path_factory.mktemp("crash")) as one:
        yield one
