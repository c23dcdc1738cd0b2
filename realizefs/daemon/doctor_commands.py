"""The command about this machine as a place for a mount: doctor.

It is asked where something hangs, so nothing here waits for anything for long: what blocks is looked at
in threads that are given up, and what has no answer by then is a finding.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TypeVar

import trio

from realizefs.core import diagnose
from realizefs.daemon import examining
from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config import Config, default_name
from realizefs.daemon.config_reading import read_config
from realizefs.daemon.home import Home
from realizefs.fs import mountpoints
from realizefs.model.diagnosis import ArenaFacts, Diagnosis, Health, PeerFacts, Port
from realizefs.model.errors import RealizeError
from realizefs.net.identity import check_key

T = TypeVar("T")
Answer = Mapping[str, object]
Look = Callable[[], Awaitable[list[Diagnosis]]]

LOOK_SECONDS = 10.0
"""Seconds for each thing that is looked at, all at once: three times what a machine that is on, a disk
that spins up or a name server takes, and much less than a person waits."""


async def doctor(app: App, _arguments: Arguments) -> Answer:
    """Everything that could be in the way, and what to do about it; `well` if nothing is wrong."""
    looks: list[tuple[str, Look]] = [("machine", partial(_machine, app.config))]
    looks += [("mounts", _mounts), ("home", partial(_home, app.home))]
    looks += [(f"arena {slot.config.name}", partial(_arena, app, slot)) for slot in app.arenas]
    looks += [("ports", partial(_ports, app)), ("peers", partial(_peers, app))]
    return shown(await all_of(looks))


async def doctor_before(home: Home) -> Answer:
    """The same where there is no key yet: about the machine and the ports, and nothing is made."""
    try:
        check_key(home.identity)
        config = read_config(home.config)
    except RealizeError as error:
        return await doctor_alone(home, str(error))
    looks: list[tuple[str, Look]] = [("machine", partial(_machine, config))]
    looks += [("mounts", _mounts), ("ports", partial(_free_ports, config))]
    return shown(await all_of(looks))


async def doctor_alone(home: Home, problem: str) -> Answer:
    """The same where a home can't be opened, or its daemon says nothing: about the machine and the
    home's disk, after what is wrong."""
    looks: list[tuple[str, Look]] = [("machine", partial(_machine, _config(home)))]
    if home.initialised and home.state.is_dir():
        looks.append(("home", partial(_home, home)))
    fix = "Mend that first, then ask again; its log may say more: `realizefs serve -v`."
    found = [Diagnosis("home", Health.WRONG, problem, fix)]
    return shown(found + await all_of(looks))


async def all_of(looks: Iterable[tuple[str, Look]]) -> list[Diagnosis]:
    """What each finds, in their order; one that takes too long is a finding itself."""
    wanted = list(looks)
    found: dict[int, list[Diagnosis]] = {}

    async def look_at(number: int) -> None:
        subject, look = wanted[number]
        with trio.move_on_after(LOOK_SECONDS):
            found[number] = await look()
        if number not in found:
            sentence = f"There was no answer within {LOOK_SECONDS:.0f} s about {subject}."
            fix = "Look whether a disk or a name server hangs: `dmesg`, `df`."
            found[number] = [Diagnosis(subject, Health.WRONG, sentence, fix)]

    async with trio.open_nursery() as nursery:
        for number in range(len(wanted)):
            nursery.start_soon(look_at, number)
    return [one for number in range(len(wanted)) for one in found[number]]


def shown(found: Iterable[Diagnosis]) -> Answer:
    """As commands answer it."""
    lines = list(found)
    return {
        "well": all(one.health is not Health.WRONG for one in lines),
        "checks": [
            {
                "subject": one.subject,
                "health": one.health.value,
                "sentence": one.sentence,
                "fix": one.fix,
            }
            for one in lines
        ],
    }


def _config(home: Home) -> Config:
    try:
        return read_config(home.config)
    except RealizeError:
        return Config(name=default_name())  # what is wrong with it is the problem that is told


async def _machine(config: Config) -> list[Diagnosis]:
    look = partial(examining.machine, wants_others=config.mount.allow_other)
    return list(diagnose.of_machine(await _blocking(look)))


async def _mounts() -> list[Diagnosis]:
    dead = await _blocking(mountpoints.dead_mounts)
    return list(diagnose.of_dead_mounts(str(path) for path in dead))


async def _home(home: Home) -> list[Diagnosis]:
    try:
        facts = await _blocking(partial(examining.home_facts, home))
    except OSError as error:
        sentence = f'The home can\'t be looked at: "{error.filename}": {error.strerror}.'
        return [Diagnosis("home", Health.WRONG, sentence, "See who owns it: `ls -ld`.")]
    return list(diagnose.of_home(facts))


async def _arena(app: App, slot: Slot) -> list[Diagnosis]:
    return list(diagnose.of_arena(await _arena_facts(app, slot)))


async def _arena_facts(app: App, slot: Slot) -> ArenaFacts:
    config = slot.config
    if slot.trouble:
        return ArenaFacts(config.name, str(config.root), problem=slot.trouble)
    try:
        # Before it is opened, which can't be given up: a disk that hangs is noticed here. Of one that
        # is open that path may be our own mount, and its descriptor says the same.
        if slot.opened is None:
            await _blocking(partial(examining.disk_answers, config.root))
        async with app.opened(slot) as opened:
            features = await _blocking(opened.features)
    except RealizeError as error:
        return ArenaFacts(config.name, str(config.root), problem=str(error))
    except OSError as error:
        problem = f'Nothing can be made in "{config.root}": {error.strerror or error}.'
        return ArenaFacts(config.name, str(config.root), problem=problem)
    return ArenaFacts(config.name, str(config.root), features)


async def _ports(app: App) -> list[Diagnosis]:
    if not app.online:
        return await _free_ports(app.config)
    bound = [Port(address, is_ours=True) for address in app.listening.bound]
    ports = bound + [Port("", is_ours=False, problem=each) for each in app.listening.problems]
    own = await examining.tried(app.addresses()) if bound else ()
    return [*diagnose.of_ports(ports, runs=True), *(diagnose.of_addresses(own) if bound else ())]


async def _free_ports(config: Config) -> list[Diagnosis]:
    ports = await _blocking(partial(examining.free_ports, config.listen))
    return list(diagnose.of_ports(ports, runs=False))


async def _peers(app: App) -> list[Diagnosis]:
    """Tried at once: the whole takes as long as the slowest."""
    states = {one.peer: one for one in app.parts.household.peers()}
    cards = app.parts.roster.all()
    found: dict[int, PeerFacts] = {}

    async def look(number: int) -> None:
        card = cards[number]
        state = states.get(card.peer)
        if state is not None and state.connected:
            found[number] = PeerFacts(card.name, connected=True, ahead_ns=state.ahead_ns)
        else:
            tried = await examining.tried(card.addresses)
            found[number] = PeerFacts(card.name, connected=False, tried=tried)

    async with trio.open_nursery() as nursery:
        for number in range(len(cards)):
            nursery.start_soon(look, number)
    facts = (found[number] for number in range(len(cards)))
    return list(diagnose.of_peers(facts, runs=app.online))


async def _blocking(look: Callable[[], T]) -> T:
    """In a thread that is given up when it is too late: it changes nothing."""
    return await trio.to_thread.run_sync(look, abandon_on_cancel=True)
