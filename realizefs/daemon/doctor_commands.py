"""The command about this machine as a place for a mount: doctor."""

from collections.abc import Iterable, Mapping
from functools import partial

import trio

from realizefs.core import diagnose
from realizefs.daemon import examining
from realizefs.daemon.app import App
from realizefs.daemon.arenas import Slot
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.config import Config, default_name
from realizefs.model.diagnosis import ArenaFacts, Diagnosis, Health, PeerFacts, Port
from realizefs.model.errors import RealizeError

Answer = Mapping[str, object]


async def doctor(app: App, _arguments: Arguments) -> Answer:
    """Everything that could be in the way, and what to do about it; `well` if nothing is wrong."""
    found = await _of_machine(app.config)
    for slot in app.arenas:
        found += diagnose.of_arena(await _arena(app, slot))
    found += diagnose.of_ports(await _ports(app), runs=app.online)
    found += diagnose.of_peers(await _peers(app))
    return shown(found)


async def doctor_before(config: Config | None = None) -> Answer:
    """The same where there is no home yet: about the machine alone, and nothing is made."""
    config = config or Config(name=default_name())
    found = await _of_machine(config)
    ports = await trio.to_thread.run_sync(examining.free_ports, config.listen)
    found += diagnose.of_ports(ports, runs=False)
    return shown(found)


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


async def _of_machine(config: Config) -> list[Diagnosis]:
    look = partial(examining.machine, wants_others=config.mount.allow_other)
    return list(diagnose.of_machine(await trio.to_thread.run_sync(look)))


async def _arena(app: App, slot: Slot) -> ArenaFacts:
    config = slot.config
    if slot.trouble:
        return ArenaFacts(config.name, str(config.root), problem=slot.trouble)
    try:
        async with app.opened(slot) as opened:
            features = await trio.to_thread.run_sync(opened.features)
    except RealizeError as error:
        return ArenaFacts(config.name, str(config.root), problem=str(error))
    except OSError as error:
        problem = f'Nothing can be made in "{config.root}": {error.strerror or error}.'
        return ArenaFacts(config.name, str(config.root), problem=problem)
    return ArenaFacts(config.name, str(config.root), features)


async def _ports(app: App) -> list[Port]:
    if not app.online:
        return await trio.to_thread.run_sync(examining.free_ports, app.config.listen)
    bound = [Port(address, is_ours=True) for address in app.listening.bound]
    return bound + [Port("", is_ours=False, problem=each) for each in app.listening.problems]


async def _peers(app: App) -> list[PeerFacts]:
    """Tried at once: the whole takes as long as the slowest."""
    connected = {one.peer: one.connected for one in app.parts.household.peers()}
    cards = app.parts.roster.all()
    found: dict[str, PeerFacts] = {}

    async def look(number: int) -> None:
        card = cards[number]
        is_there = connected.get(card.peer, False)
        found[str(number)] = await examining.peer(card.name, card.addresses, connected=is_there)

    async with trio.open_nursery() as nursery:
        for number in range(len(cards)):
            nursery.start_soon(look, number)
    return [found[str(number)] for number in range(len(cards))]
