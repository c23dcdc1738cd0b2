"""The table of commands."""

from collections.abc import Awaitable, Callable

from realizefs.daemon import (
    background_commands,
    cache_commands,
    check_commands,
    daemon_commands,
    doctor_commands,
    farewell_commands,
    foresight_commands,
    household_commands,
    journal_commands,
    listing_commands,
    live_commands,
    pairing_commands,
    path_commands,
    peer_commands,
    rate_commands,
    rule_commands,
    safety_commands,
    setup_commands,
)
from realizefs.daemon.app import App
from realizefs.daemon.arguments import Arguments
from realizefs.daemon.control import Caller
from realizefs.model.control import BadControlLine, Request
from realizefs.model.errors import Misuse

COMMANDS: dict[str, Callable[[App, Arguments], Awaitable[object]]] = {
    "approve": safety_commands.approve,
    "arena-accept-loss": check_commands.arena_accept_loss,
    "arena-add": setup_commands.arena_add,
    "arena-list": setup_commands.arena_list,
    "arena-remove": setup_commands.arena_remove,
    "arena-set": setup_commands.arena_set,
    "conflicts": safety_commands.conflicts,
    "conflicts-resolve": safety_commands.conflicts_resolve,
    "doctor": doctor_commands.doctor,
    "farewell": farewell_commands.farewell,
    "farewell-leave": farewell_commands.leave,
    "info": path_commands.info,
    "invite": household_commands.invite,
    "join": household_commands.join,
    "jobs": live_commands.jobs,
    "limit": rate_commands.limit,
    "log": journal_commands.log,
    "ls": listing_commands.ls,
    "ls-span": listing_commands.ls_span,
    "mark-clear": path_commands.mark_clear,
    "mark-get": path_commands.mark_get,
    "mark-set": path_commands.mark_set,
    "metrics": live_commands.metrics,
    "mount": daemon_commands.mount,
    "pause": background_commands.pause,
    "peer-list": peer_commands.peer_list,
    "peer-remove": peer_commands.peer_remove,
    "peer-set": peer_commands.peer_set,
    "resume": background_commands.resume,
    "rule-add": rule_commands.rule_add,
    "rule-list": rule_commands.rule_list,
    "rule-remove": rule_commands.rule_remove,
    "rule-test": rule_commands.rule_test,
    "status": daemon_commands.status,
    "trash-empty": safety_commands.trash_empty,
    "trash-list": safety_commands.trash_list,
    "trash-restore": safety_commands.trash_restore,
    "umount": daemon_commands.umount,
}

LONG_COMMANDS: dict[str, Callable[[App, Arguments, Caller], Awaitable[object]]] = {
    "check": check_commands.check,
    "du": listing_commands.du,
    "evict": cache_commands.evict,
    "fetch": cache_commands.fetch,
    "log-follow": journal_commands.follow,
    "invite-lan": pairing_commands.invite_lan,
    "mark-foresee": foresight_commands.foresee,
    "move": cache_commands.move,
    "neighbours": pairing_commands.neighbours,
    "pair": pairing_commands.pair_with,
}
"""Those that tell how far they are, and end when nobody waits for them any more."""


async def execute(app: App, request: Request, caller: Caller) -> object:
    """The result of a request; raises RealizeError or OSError."""
    if request.command == "init":
        raise Misuse("This peer is set up already, and its daemon is running.")
    if request.command == "uninstall":
        raise Misuse("A daemon runs here again; end it, or have its service removed, first.")
    arguments = Arguments(request.arguments)
    long = LONG_COMMANDS.get(request.command)
    if long is not None:
        return await long(app, arguments, caller)
    handler = COMMANDS.get(request.command)
    if handler is None:
        raise BadControlLine(f'There is no command "{request.command}"; is this another version?')
    return await handler(app, arguments)
