"""A network of machines: each has a network namespace of its own, joined to a switch by a veth, whose
end at the switch is set down to cut the line."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from os import getpid
from pathlib import Path

from tests.household.machines import Machine

PORT = 4331

LISTENING = """
import socket, sys
address, heard = sys.argv[1:]
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
ear.bind(("224.0.0.251", 5353))
group = socket.inet_aton("224.0.0.251") + socket.inet_aton(address)
ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
with open(heard, "w") as file:
    print("listening", flush=True)
    while True:
        packet, source = ear.recvfrom(9000)
        print(source[0], packet.hex(), file=file, flush=True)
"""


class Network:
    """The switch and the lines; made and removed by `running_network`."""

    def __init__(self, undo: ExitStack) -> None:
        self._undo = undo
        self._prefix = f"rzf{getpid()}"
        self.names: list[str] = []
        self._moves = 0
        self._switch = self._namespace("switch")
        _ip("-n", self._switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "bridge", "up")

    def machine(self, directory: Path, name: str) -> "NetworkMachine":
        """A machine with a line to the switch."""
        self.names.append(name)
        inside, address = self._namespace(name), f"10.199.7.{len(self.names)}"
        line = ("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", inside)
        _ip("-n", self._switch, *line)
        _ip("-n", self._switch, "link", "set", name, "master", "bridge", "up")
        _ip("-n", inside, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", inside, "link", "set", device, "up")
        return NetworkMachine(directory / name, name, inside, address)

    def readdress(self, machine: "NetworkMachine") -> str:
        """The machine's router gives it another address; the new one."""
        old, new = machine.address, f"10.199.7.{100 + len(self.names) + self._moves}"
        self._moves += 1
        _ip("-n", machine.namespace, "address", "delete", f"{old}/24", "dev", "eth0")
        _ip("-n", machine.namespace, "address", "add", f"{new}/24", "dev", "eth0")
        machine.address = new
        return new

    def cut(self, name: str) -> None:
        """Take the machine's line away."""
        _ip("-n", self._switch, "link", "set", name, "down")

    def mend(self, name: str) -> None:
        """Give it back."""
        _ip("-n", self._switch, "link", "set", name, "up")

    def _namespace(self, name: str) -> str:
        """One that is removed in the end, and with it the veths whose one end is in it."""
        full = f"{self._prefix}-{name}"
        _ip("netns", "add", full)
        self._undo.callback(_ip, "netns", "delete", full)
        return full


class NetworkMachine(Machine):
    """A machine whose daemon and commands run in a network namespace; its files are where all are."""

    def __init__(self, directory: Path, name: str, namespace: str, address: str) -> None:
        self.namespace = namespace
        self.address = address
        super().__init__(directory, name)
        self.config.write_text(f'name = "{name}"\nlisten = ["{address}:{PORT}"]\n')

    def listen_everywhere(self) -> None:
        """At whatever address it has."""
        self.config.write_text(f'name = "{self.name}"\nlisten = ["0.0.0.0:{PORT}"]\n')

    def command(self, *arguments: str | Path) -> list[str]:
        return [
            "nsenter",
            f"--net=/run/netns/{self.namespace}",
            *super().command(*arguments),
        ]


@contextmanager
def overheard(network: Network, directory: Path) -> Iterator[Callable[[], list[tuple[str, bytes]]]]:
    """A machine that isn't of the household and listens to multicast DNS: what came so far, each with
    where it is from."""
    ear = network.machine(directory, "ear")
    heard = directory / "heard"
    command = [sys.executable, "-c", LISTENING, ear.address, str(heard)]
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{ear.namespace}", *command], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"

        def so_far() -> list[tuple[str, bytes]]:
            lines = [line.split() for line in heard.read_text().splitlines(keepends=True)]
            return [(source, bytes.fromhex(packet)) for source, packet in lines]

        yield so_far
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def running_network() -> Iterator[Network]:
    """A network, of which nothing is left."""
    with ExitStack() as undo:
        yield Network(undo)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
