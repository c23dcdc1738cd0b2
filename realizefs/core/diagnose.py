"""What facts about a machine mean for its user, and what to do about them: `realizefs doctor`."""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from realizefs.model.diagnosis import (
    ArenaFacts,
    Diagnosis,
    Features,
    Health,
    HomeFacts,
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

KERNEL_MIN = (5, 4)
"""pidfds came with 5.3; 5.4 is the oldest that is still maintained by anybody."""

SKEW_NS = 30 * 10**9
"""Half a minute: of two edits at once nobody can say more exactly which was the later one."""

FAR_FILESYSTEMS = frozenset(
    (
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "9p",
        "afs",
        "ceph",
        "fuse.sshfs",
        "fuse.rclone",
        "fuse.glusterfs",
    )
)
"""A database mapped into memory isn't safe there, and inotify says nothing of what others change."""


def of_machine(machine: Machine) -> Iterator[Diagnosis]:
    """About the kernel, FUSE, other users, inotify and the clock."""
    yield _kernel(machine)
    yield _fuse(machine)
    yield _unmounting(machine)
    yield _others(machine)
    yield from _inotify(machine)
    yield _clock(machine)


def of_dead_mounts(paths: Iterable[str]) -> Iterator[Diagnosis]:
    """About what daemons that were killed have left."""
    for path in paths:
        sentence = f"What was mounted at {path} is dead: its daemon has ended without unmounting."
        fix = f"`realizefs mount {path}` clears it up and mounts anew, `realizefs umount {path}` only clears up."
        yield Diagnosis("mounts", Health.WRONG, sentence, fix)


def of_arena(arena: ArenaFacts) -> Iterator[Diagnosis]:
    """About the disk of its root."""
    subject = f"arena {arena.name}"
    if arena.features is None:
        problem = arena.problem or "It is out of service."
        fix = "Bring the disk back, or see what `realizefs status` says."
        yield Diagnosis(subject, Health.WRONG, f'Arena "{arena.name}": {problem}', fix)
        return
    yield from _disk(subject, arena.root, arena.features)


def of_home(home: HomeFacts) -> Iterator[Diagnosis]:
    """About the key, and the disk of the database that isn't any arena's."""
    if home.open_key:
        sentence = f"Others can read {home.open_key}: who has it can pass for this machine."
        yield Diagnosis("key", Health.WRONG, sentence, f"`chmod 600 {home.open_key}`")
    else:
        yield Diagnosis("key", Health.OK, "Nobody else can read the key.")
    yield from _far("home", home.path, home.filesystem)
    yield from _full("home", home.path, home.free, home.size)


def of_addresses(tried: Sequence[tuple[str, str]]) -> Iterator[Diagnosis]:
    """About this machine's own addresses, as (address, why nobody answers there) while it listens."""
    found = _by_family(tried)
    if not any(found.values()):
        sentence = "Only programs on this machine can connect: it has no other address, or listens at none."
        fix = 'Where others are to connect, set `listen = ["[::]:4331", "0.0.0.0:4331"]` in config.toml.'
        yield Diagnosis("addresses", Health.NOTE, sentence, fix)
        return
    for family, addresses in found.items():
        refusing = [(address, why) for address, why in addresses if why]
        if refusing:
            address, why = refusing[0]
            sentence = f"By {family} not even this machine itself gets through to {address}: {why}."
            fix = "Let TCP connections to that port through its firewall."
            yield Diagnosis("addresses", Health.NOTE, sentence, fix)
        elif addresses:
            sentence = (
                f"By {family} others may reach it at {', '.join(one for one, _ in addresses)}."
            )
            yield Diagnosis("addresses", Health.OK, sentence)
        else:
            sentence = f"By {family} it isn't reached: it has no address of that kind, or doesn't listen there."
            yield Diagnosis("addresses", Health.OK, sentence)


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


def of_peers(peers: Iterable[PeerFacts], *, runs: bool = True) -> Iterator[Diagnosis]:
    """About reaching others, by a daemon that runs here or that may. One that is off is no fault."""
    for peer in peers:
        yield _peer(peer, runs=runs)


def _kernel(machine: Machine) -> Diagnosis:
    shown = ".".join(map(str, machine.kernel))
    if machine.kernel >= KERNEL_MIN:
        return Diagnosis("kernel", Health.OK, f"Linux {shown} is new enough.")
    sentence = f"Linux {shown} is old: RealizeFS asks it for what came with {KERNEL_MIN[0]}.{KERNEL_MIN[1]}."
    return Diagnosis("kernel", Health.WRONG, sentence, "Upgrade the system.")


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
    if machine.fusermount and not (machine.is_privileged or machine.is_root):
        sentence = f"{machine.fusermount} has lost its set-uid bit: nobody but root can mount."
        fix = f"`sudo chown root: {machine.fusermount} && sudo chmod u+s {machine.fusermount}`"
        return Diagnosis("fusermount3", Health.WRONG, sentence, fix)
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
    if not features.writable:
        sentence = f"Nothing can be made in {root}: it belongs to somebody else, or is read-only."
        yield Diagnosis(
            subject, Health.WRONG, sentence, f"See `ls -ld {root}` and `findmnt -T {root}`."
        )
    yield from _far(subject, root, features.filesystem)
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
    yield from _full(subject, root, features.free, features.size)
    can = ["extended attributes"] * features.xattrs + ["sparse files"] * features.sparse
    can += ["reflinks"] if features.reflinks else ["no reflinks"]
    has = f"has {', '.join(can)}, and " if can else "has "
    sentence = f"{root} {has}{features.free // MIB:,} MiB free."
    yield Diagnosis(subject, Health.OK, sentence)


def _far(subject: str, path: str, filesystem: str) -> Iterator[Diagnosis]:
    if filesystem in FAR_FILESYSTEMS:
        sentence = (
            f"{path} is on {filesystem}, which other machines write to as well: databases aren't safe there, and "
            "what others change is found only by looking."
        )
        fix = "Keep homes and arena roots on a disk of this machine."
        yield Diagnosis(subject, Health.WRONG, sentence, fix)


def _full(subject: str, path: str, free: int, size: int) -> Iterator[Diagnosis]:
    if free * FREE_PARTS < size:
        sentence = f"The disk of {path} is nearly full: {free // MIB:,} MiB are free."
        fix = (
            "Make room, or have less here: `realizefs mark set watch PATH`, `realizefs evict PATH`."
        )
        yield Diagnosis(subject, Health.WRONG, sentence, fix)


def _by_family(tried: Sequence[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """Numeric addresses but for loopback."""
    found: dict[str, list[tuple[str, str]]] = {"IPv4": [], "IPv6": []}
    for address, why in tried:
        try:
            host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]").partition("%")[0])
        except ValueError:
            continue  # a name, of which the family isn't known
        if not host.is_loopback:
            found[f"IPv{host.version}"].append((address, why))
    return found


def _skewed(subject: str, name: str, ahead_ns: int) -> Diagnosis:
    way = "ahead of" if ahead_ns > 0 else "behind"
    sentence = (
        f"The clock of {name} is {abs(ahead_ns) // 10**9:,} s {way} this one's: of two edits at once the wrong "
        "one may keep the name."
    )
    fix = "Set the one that is wrong, and have it kept: `sudo timedatectl set-ntp true`."
    return Diagnosis(subject, Health.NOTE, sentence, fix)


def _peer(peer: PeerFacts, *, runs: bool) -> Diagnosis:
    subject = f"peer {peer.name}"
    if peer.connected and abs(peer.ahead_ns or 0) > SKEW_NS:
        return _skewed(subject, peer.name, peer.ahead_ns or 0)
    if peer.connected:
        return Diagnosis(subject, Health.OK, f"{peer.name} is connected.")
    answering = [address for address, why in peer.tried if not why]
    if answering and not runs:
        sentence = f"{peer.name} may be reached at {answering[0]}, where something answers."
        return Diagnosis(subject, Health.OK, sentence)
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
    ports = {address.rpartition(":")[2] for address, _ in peer.tried}
    fix = f"Start it there; if it runs, let TCP port {' and '.join(sorted(ports))} through its firewall."
    return Diagnosis(subject, Health.NOTE, sentence, fix)
