"""What facts about a machine mean for its user, and what to do about them: `realizefs doctor`."""

from collections.abc import Iterable, Iterator, Sequence

from realizefs.model.diagnosis import (
    ArenaFacts,
    Diagnosis,
    Features,
    Health,
    Machine,
    PeerFacts,
    Port,
)

WATCHES_FEW = 65_536
"""Fewer directories than that a photo collection of some years may have."""

INSTANCES_FEW = 64
"""A desktop's own programs take some dozens."""

EARLIEST_NS = 1_735_689_600 * 10**9
"""2025: no release is older."""

FREE_PARTS = 50
"""With less than a fiftieth of a disk free, filesystems and people get into trouble."""

MIB = 1 << 20


def of_machine(machine: Machine) -> Iterator[Diagnosis]:
    """About FUSE, other users, inotify and the clock."""
    yield _fuse(machine)
    yield _unmounting(machine)
    yield _others(machine)
    yield from _inotify(machine)
    yield _clock(machine)


def of_arena(arena: ArenaFacts) -> Iterator[Diagnosis]:
    """About the disk of its root."""
    subject = f"arena {arena.name}"
    if arena.features is None:
        problem = arena.problem or "It is out of service."
        fix = "Bring the disk back, or see what `realizefs status` says."
        yield Diagnosis(subject, Health.WRONG, f'Arena "{arena.name}": {problem}', fix)
        return
    yield from _disk(subject, arena.root, arena.features)


def of_ports(ports: Sequence[Port], *, runs: bool) -> Iterator[Diagnosis]:
    """About being reached."""
    if not ports:
        sentence = "Nobody can connect to this machine: it listens nowhere."
        fix = 'Set `listen = ["[::]:4331", "0.0.0.0:4331"]` in config.toml, or let it dial the others.'
        yield Diagnosis("ports", Health.NOTE, sentence, fix)
    for port in ports:
        if port.problem:
            fix = "Stop what uses it, or set another `listen` in config.toml."
            yield Diagnosis("ports", Health.WRONG, port.problem, fix)
        elif port.is_ours:
            yield Diagnosis("ports", Health.OK, f"Others can connect at {port.address}.")
        else:
            yield Diagnosis("ports", Health.OK, f"{port.address} is free for a daemon.")
    if not runs:
        sentence = "No daemon runs, so this machine neither hears nor tells anything."
        fix = "Start one with `realizefs mount DIR`, or `realizefs serve`."
        yield Diagnosis("daemon", Health.NOTE, sentence, fix)


def of_peers(peers: Iterable[PeerFacts]) -> Iterator[Diagnosis]:
    """About reaching others. One that is off is no fault."""
    for peer in peers:
        yield _peer(peer)


def _fuse(machine: Machine) -> Diagnosis:
    if not machine.fuse_error:
        return Diagnosis("fuse", Health.OK, "/dev/fuse is there and can be opened.")
    fixes = {
        "No such file or directory": "Load the module: `sudo modprobe fuse`; in a container, pass "
        "/dev/fuse in.",
        "Permission denied": "Let users open it: `sudo chmod 666 /dev/fuse`, as udev does.",
    }
    sentence = f"/dev/fuse can't be opened: {machine.fuse_error}. Nothing can be mounted."
    fix = fixes.get(machine.fuse_error, "Install fuse3, and see `dmesg`.")
    return Diagnosis("fuse", Health.WRONG, sentence, fix)


def _unmounting(machine: Machine) -> Diagnosis:
    if machine.fusermount:
        return Diagnosis("fusermount3", Health.OK, f"{machine.fusermount} mounts and unmounts.")
    sentence = "The program fusermount3 is missing: nobody but root can mount."
    health = Health.NOTE if machine.is_root else Health.WRONG
    return Diagnosis("fusermount3", health, sentence, "Install it: `sudo apt install fuse3`.")


def _others(machine: Machine) -> Diagnosis:
    subject = "user_allow_other"
    if machine.allows_others or machine.is_root:
        return Diagnosis(
            subject, Health.OK, "Other users may be let into the mount (-o allow_other)."
        )
    fix = "Add the line `user_allow_other` to /etc/fuse.conf."
    if machine.wants_others:
        sentence = "The configuration lets other users into the mount, and /etc/fuse.conf doesn't."
        return Diagnosis(subject, Health.WRONG, sentence, fix)
    sentence = "Only you will see the mount; root and other users can't be let in."
    return Diagnosis(subject, Health.OK, sentence, f"If they are to: {fix}")


def _inotify(machine: Machine) -> Iterator[Diagnosis]:
    for name, value, few, wanted in (
        ("max_user_watches", machine.watches, WATCHES_FEW, 524_288),
        ("max_user_instances", machine.instances, INSTANCES_FEW, 512),
    ):
        setting = f"fs.inotify.{name}"
        if value >= few:
            yield Diagnosis("inotify", Health.OK, f"{setting} is {value:,}.")
            continue
        sentence = (
            f"{setting} is {value:,}: in large arenas changes are found by looking, once a minute."
        )
        fix = f"`echo {setting}={wanted} | sudo tee /etc/sysctl.d/60-realizefs.conf && sudo sysctl --system`"
        yield Diagnosis("inotify", Health.NOTE, sentence, fix)


def _clock(machine: Machine) -> Diagnosis:
    fix = "Set it, and have it kept: `sudo timedatectl set-ntp true`."
    if machine.now_ns < EARLIEST_NS:
        sentence = (
            "The clock is years behind: of two edits at once the wrong one would keep the name."
        )
        return Diagnosis("clock", Health.WRONG, sentence, fix)
    if machine.is_clock_kept is False:
        sentence = (
            "Nothing keeps the clock right; of two edits at once the wrong one may keep the name."
        )
        return Diagnosis("clock", Health.NOTE, sentence, fix)
    kept = "The clock is kept right." if machine.is_clock_kept else "The clock is plausible."
    return Diagnosis("clock", Health.OK, kept)


def _disk(subject: str, root: str, features: Features) -> Iterator[Diagnosis]:
    if not features.xattrs:
        sentence = f"The filesystem of {root} has no extended attributes: marks are kept, but not with the files."
        yield Diagnosis(
            subject, Health.NOTE, sentence, "Use ext4, XFS or Btrfs for the arena root."
        )
    if not features.sparse:
        sentence = f"The filesystem of {root} has no sparse files: what is read in parts takes all its room."
        yield Diagnosis(
            subject, Health.NOTE, sentence, "Use ext4, XFS or Btrfs for the arena root."
        )
    if features.free * FREE_PARTS < features.size:
        sentence = f"The disk of {root} is nearly full: {features.free // MIB:,} MiB are free."
        fix = (
            "Make room, or have less here: `realizefs mark set watch PATH`, `realizefs evict PATH`."
        )
        yield Diagnosis(subject, Health.WRONG, sentence, fix)
    can = ["extended attributes"] * features.xattrs + ["sparse files"] * features.sparse
    can += ["reflinks"] if features.reflinks else []
    has = f"has {', '.join(can)}, and " if can else "has "
    sentence = f"{root} {has}{features.free // MIB:,} MiB free."
    yield Diagnosis(subject, Health.OK, sentence)


def _peer(peer: PeerFacts) -> Diagnosis:
    subject = f"peer {peer.name}"
    if peer.connected:
        return Diagnosis(subject, Health.OK, f"{peer.name} is connected.")
    answering = [address for address, why in peer.tried if not why]
    if answering:
        sentence = f"Something answers at {answering[0]}, but {peer.name} isn't connected."
        fix = "Wait a moment; if it stays so, see the log of both machines."
        return Diagnosis(subject, Health.NOTE, sentence, fix)
    if not peer.tried:
        sentence = (
            f"{peer.name} is not connected, and can only connect by itself: it has no address."
        )
        return Diagnosis(
            subject, Health.NOTE, sentence, "Start it there: `realizefs status` tells."
        )
    tried = "; ".join(f"{address}: {why}" for address, why in peer.tried)
    sentence = f"{peer.name} can't be reached ({tried})."
    fix = "Start it there; if it runs, let TCP port 4331 through its firewall."
    return Diagnosis(subject, Health.NOTE, sentence, fix)
