"""How a daemon is, in a line: what the service manager shows beside its process."""

from realizefs.daemon.app import App


def standing(app: App) -> str:
    """Names what there is and what is wrong; asks no database, as it is asked for all the time."""
    slots, peers = list(app.arenas), app.parts.household.peers()
    mounted = app.mounts.current
    connected = sum(1 for peer in peers if peer.connected)
    wrong = len(app.listening.problems) + sum(1 for slot in slots if slot.trouble)
    said = [
        "starting" if not app.ready.is_set() else "",
        f"{len(slots)} arena{'' if len(slots) == 1 else 's'}",
        f"mounted at {mounted.directory}" if mounted is not None else "",
        f"{connected} of {len(peers)} peers connected",
        f"{wrong} PROBLEM{'' if wrong == 1 else 'S'}, see `realizefs status`" if wrong else "",
    ]
    return f"{app.config.name}: {', '.join(each for each in said if each)}."
