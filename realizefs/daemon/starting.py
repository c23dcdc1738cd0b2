"""What a daemon tells whoever started it: that its mount is there, or why it isn't."""

import logging
import os
import sys
from collections.abc import Mapping

from realizefs.daemon.logs import in_journal, priority
from realizefs.model.control import Failed, encode_failure, encode_result


class Starter:
    """The process that started this one: it waits at a pipe (`ready_fd`), or it is a person
    looking at the terminal."""

    def __init__(self, ready_fd: int | None) -> None:
        self._fd = ready_fd
        self.detached = ready_fd is not None
        if ready_fd is not None:
            os.set_inheritable(ready_fd, False)

    def ready(self, result: Mapping[str, object]) -> None:
        """The mount answers."""
        if self._fd is not None:
            self._tell(encode_result(dict(result)))
        elif not self.detached:
            sys.stdout.write(f"{result['sentence']}\n")
            sys.stdout.flush()

    def refused(self, failure: Failed, *, verbose: bool) -> None:
        """It can't be; said once."""
        if self._fd is not None:
            self._tell(encode_failure(failure))
        elif not self.detached:
            causes = [f"  because of {cause}\n" for cause in failure.causes] if verbose else []
            grave = priority(logging.ERROR) if in_journal() else ""
            sys.stderr.write("".join([f"{grave}realizefs: {failure.sentence}\n", *causes]))

    def _tell(self, line: bytes) -> None:
        assert self._fd is not None
        try:
            os.write(self._fd, line)
        except BrokenPipeError:
            return  # nobody waits any more; the log has it
        finally:
            os.close(self._fd)
            self._fd = None
