"""The rules of an arena: made, removed, and asked again about files that have grown older.

A rule that comes or goes has its directory's files decided anew, page by page, as a mark does. When
age alone brings another mark is noted with each file (`store.rules`), so that a look costs what is due
and not what there is.
"""

from dataclasses import dataclass
from functools import partial

import trio

from realizefs.core.rules import pattern_of
from realizefs.model.errors import NotFound
from realizefs.model.rules import Rule
from realizefs.sync.batch import Batch
from realizefs.sync.context import Context
from realizefs.sync.patience import patiently

LOOK_SECONDS = 60.0
"""Seconds between looks for files that are too old by now: ages are hours and years."""

PAGE = 500
"""Files noted in one commit to be decided anew, some ten milliseconds."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A rule, and the path of the directory that it is for; None if that is gone."""

    rule: Rule
    below: bytes | None


class Ruling:
    """Of one arena. Trio thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await patiently(self.look, f"Asking rules again in {self._context.name}")
            await trio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Once: whatever is too old for what it was is decided anew."""
        more = True
        while more:
            now_ns = self._context.clock.wall_ns()
            with self._store.env.read() as txn:
                if not self._store.rules.due(txn, now_ns, 1):
                    return
            more = await self._context.commit(partial(self._ask_again, now_ns))

    def _ask_again(self, now_ns: int, batch: Batch) -> bool:
        rules, dirty, txn = self._store.rules, self._store.dirty, batch.txn
        found = rules.due(txn, now_ns, PAGE)
        for ino in found:
            rules.ask_again(txn, ino, None)  # which is noted anew when it is decided
            dirty.mark(txn, ino)
        return len(found) == PAGE

    def listed(self) -> list[Listed]:
        """In the order in which they were made: the later one counts."""
        with self._store.env.read() as txn:
            return [
                Listed(one, self._store.tree.path(txn, one.below))
                for one in self._store.rules.all(txn)
            ]

    async def add(self, rule: Rule) -> Rule:
        """Committed on return, with a number; Misuse where it makes no sense."""
        pattern_of(rule)

        def add(batch: Batch) -> Rule:
            entry = self._store.tree.entry(batch.txn, rule.below)
            if entry is None or entry.version.deleted:
                raise NotFound("The folder of the rule was removed meanwhile.")
            made = self._store.rules.add(batch.txn, rule)
            self._store.dirty.mark_subtree(batch.txn, rule.below)
            return made

        return await self._context.commit(add)

    async def remove(self, number: int) -> Rule:
        """The same; NotFound where there is none of that number."""

        def remove(batch: Batch) -> Rule | None:
            rule = self._store.rules.remove(batch.txn, number)
            if rule is not None and self._store.tree.entry(batch.txn, rule.below) is not None:
                self._store.dirty.mark_subtree(batch.txn, rule.below)
            return rule

        removed = await self._context.commit(remove)
        if removed is None:
            raise NotFound(f"There is no rule {number} in {self._context.name}; see `rule list`.")
        return removed
