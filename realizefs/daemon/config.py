"""What the configuration file, config.toml, says; `config_reading` reads it.

Everything has a default, so a missing file is a good configuration.
"""

import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

from realizefs.daemon.cache_config import CacheConfig
from realizefs.daemon.safety_config import SafetyConfig
from realizefs.fs.callers import NO_FETCH_DEFAULT
from realizefs.model.background import BackgroundRules, Pause
from realizefs.model.ids import ArenaId
from realizefs.model.marks import Mark
from realizefs.model.rates import RateLimits
from realizefs.model.upgrade import Upgrade

DEFAULT_LISTEN = ("[::]:4331", "0.0.0.0:4331")
"""All interfaces, IPv6 and IPv4."""


@dataclass(frozen=True, slots=True)
class ArenaConfig:
    """One [[arena]]. `state` None: .realize in the root."""

    name: str
    id: ArenaId
    root: Path
    mark: Mark = Mark.WATCH
    cache: CacheConfig = field(default_factory=CacheConfig)
    state: Path | None = None
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    paused: Pause | None = None


@dataclass(frozen=True, slots=True)
class MountConfig:
    """[mount]: programs that cause no fetches, and whether other users see the mount."""

    no_fetch: tuple[str, ...] = NO_FETCH_DEFAULT
    allow_other: bool = False


@dataclass(frozen=True, slots=True)
class LanConfig:
    """[lan]: whether this machine is announced on the local network, and looks for others there."""

    announce: bool = True
    discover: bool = True


@dataclass(frozen=True, slots=True)
class Config:
    """The whole file."""

    name: str
    listen: tuple[str, ...] = DEFAULT_LISTEN
    arenas: tuple[ArenaConfig, ...] = ()
    mount: MountConfig = field(default_factory=MountConfig)
    limits: RateLimits = field(default_factory=RateLimits)
    background: BackgroundRules = field(default_factory=BackgroundRules)
    lan: LanConfig = field(default_factory=LanConfig)
    upgrade: Upgrade = Upgrade.COPY
    metrics: str | None = None
    """"127.0.0.1:PORT" where Prometheus may ask; None: nowhere"""

    @property
    def background_rules(self) -> BackgroundRules:
        """`background`, with the pauses of arenas."""
        paused = {arena.id: arena.paused for arena in self.arenas if arena.paused is not None}
        return replace(self.background, arenas=paused)

    def arena(self, name: str) -> ArenaConfig | None:
        """The arena called `name`."""
        return next((arena for arena in self.arenas if arena.name == name), None)


def default_name() -> str:
    """What this machine is called where nobody says otherwise."""
    return socket.gethostname().split(".")[0] or "realizefs"
