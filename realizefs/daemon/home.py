"""Where a home keeps what: one directory with --home, otherwise the XDG directories."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from realizefs.model.control import APPLICATION, SOCKET_NAME, control_directory
from realizefs.model.errors import StoreFault
from realizefs.net.identity import CERTIFICATE_FILE, KEY_FILE
from realizefs.store.dbdir import DATA_FILE


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one home. `identity` holds key.pem and cert.pem, `state` the global database,
    `control` the socket and the lock; `given` is the value of --home, None for XDG."""

    given: Path | None
    config: Path
    identity: Path
    state: Path
    control: Path
    log: Path

    @property
    def lock(self) -> Path:
        """Held by the one daemon of this home."""
        return self.control / "lock"

    @property
    def socket(self) -> Path:
        """Where that daemon listens for commands."""
        return self.control / SOCKET_NAME

    @property
    def initialised(self) -> bool:
        """Whether this home has its key."""
        return (self.identity / KEY_FILE).exists()

    @property
    def is_there(self) -> bool:
        """Whether anything is to be removed, or to be looked at: a home may have lost its key."""
        files = (self.config, self.identity / CERTIFICATE_FILE, self.state / DATA_FILE)
        return self.initialised or any(file.exists() for file in files)

    def make_directories(self) -> None:
        """Make what is missing, for the user alone; StoreFault where that is impossible."""
        for path in {self.config.parent, self.identity, self.state, self.control, self.log.parent}:
            try:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise StoreFault(
                    f'The directory "{path}" can\'t be made: {error.strerror}.'
                ) from error


def home_at(directory: str | None, environment: Mapping[str, str] = os.environ) -> Home:
    """The home in `directory`, or the one in the XDG directories."""
    control = Path(
        control_directory(
            directory and os.path.abspath(directory),
            environment.get("XDG_DATA_HOME"),
            os.path.expanduser("~"),
        )
    )
    if directory:
        return Home(
            given=control,
            config=control / "config.toml",
            identity=control,
            state=control / "state",
            control=control,
            log=control / "daemon.log",
        )
    config = platformdirs.user_config_path(APPLICATION)
    return Home(
        given=None,
        config=config / "config.toml",
        identity=config,
        state=control / "state",
        control=control,
        log=platformdirs.user_state_path(APPLICATION) / "daemon.log",
    )
