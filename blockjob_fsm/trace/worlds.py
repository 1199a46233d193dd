"""The possible worlds of a transaction's jobs: what may be the case, given what was seen so far.

A world holds for each member the set of states it may be in, independent of the others: members
meet only in their transaction, and every step that it hears of is kept apart. Worlds are dropped
when a line contradicts them; a recording is legal as long as one is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

from blockjob_fsm.command_forms import CommandForm
from blockjob_fsm.declaration import Event, Stepped
from blockjob_fsm.errors import JobNotFound
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl, Status
from blockjob_fsm.lifecycles.transaction import Due, Transaction
from blockjob_fsm.trace.creation import Wish
from blockjob_fsm.trace.moves import FAILURES, Going, Moves, Result, Sent, States, same_error

Error: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Verb:
    """A verb sent to a member, and its reply: None for success, else class and text."""

    member: str
    form: CommandForm
    event: Event
    error: Error | None


@dataclass(frozen=True, slots=True)
class World:
    """Members' states in the order of creation; events of a step that are still to be seen."""

    states: tuple[States, ...]
    transaction: Transaction
    owed: tuple[tuple[str, Sent], ...] = ()
    answered: bool = False


Worlds: TypeAlias = frozenset[World]


@dataclass(eq=False)
class Group:
    """The jobs of one transaction, the worlds they may be in, and what is going on."""

    moves: Moves
    jobs: tuple[Wish, ...]
    worlds: Worlds
    going: Going = Going.NOTHING
    verb: Verb | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The members' ids, in the order of creation."""
        return tuple(wish.id for wish in self.jobs)

    def begin(self, going: Going, verb: Verb | None = None) -> None:
        """A command is sent: from here on it may act."""
        self.going, self.verb = going, verb
        self.settle(self.worlds)

    def end(self) -> bool:
        """The command's reply is seen: it has acted, and nothing it began is left over."""
        verb, self.verb = self.verb, None
        left: Iterator[World] = (w for w in self.at_rest() if w.answered or verb is None)
        if Going.QUITS not in self.going:
            left = self._keep_each(left, lambda _, control: not control.drains)
            self.going = Going.NOTHING
        found = frozenset(replace(world, answered=False) for world in left)
        return self.settle(found)

    def at_rest(self) -> Iterator[World]:
        """The worlds in which no step is half done: all that can be while QEMU answers."""
        for world in self.worlds:
            if not world.owed and self.due(world) is None:
                yield world

    def see(self, member: str, name: str, data: dict[str, Any]) -> bool:
        """An event was seen; False, and nothing changes, if no world explains it."""
        found = {
            replace(world, owed=world.owed[1:])
            for world in self.sending()
            if world.owed[0][0] == member and fits(world.owed[0][1], name, data)
        }
        return bool(found) and self.settle(found)

    def query(self, wanted: Callable[[str, ModernControl], bool]) -> bool:
        """A query showed each job as `wanted` says; False, and nothing changes, if none can be."""
        found = frozenset(self._keep_each(self.at_rest(), wanted))
        return bool(found) and self.settle(found)

    def settle(self, worlds: Iterable[World]) -> bool:
        """Take these worlds, and those that unseen steps lead to; whether there are any."""
        seen: set[World] = set()
        todo = [self._closed(world) for world in worlds]
        while todo:
            world = todo.pop()
            if world not in seen:
                seen.add(world)
                if not world.owed:
                    todo += (self._closed(w) for w in self._after(world) if not w.owed)
        self.worlds = self._merged(seen)
        return bool(self.worlds)

    def sending(self) -> Iterator[World]:
        """The worlds after each step that sends something, before it is seen."""
        for world in self.worlds:
            if world.owed:
                yield world
            else:
                yield from (after for after in self._after(world) if after.owed)

    def due(self, world: World) -> Due | None:
        """The step that the transaction wants next."""
        found = zip(self.ids, map(self.moves.some, world.states), strict=True)
        return world.transaction.due(dict(found))

    def phases(self, member: str) -> set[Status]:
        """The statuses that a job may have."""
        index = self.ids.index(member)
        return {self.moves.some(world.states[index]).phase for world in self.worlds}

    def controls(self, member: str) -> Iterator[ModernControl]:
        """The states that a job may be in while QEMU answers."""
        index = self.ids.index(member)
        for number in sorted({n for world in self.at_rest() for n in world.states[index]}):
            yield self.moves.controls[number]

    # ---- one step

    def _after(self, world: World) -> Iterator[World]:
        due = self.due(world)
        if due is not None and due.kind is not words.KICK:
            yield from self._forced(world, due)
            return
        for index, wish in enumerate(self.jobs):
            branches = self.moves.branches(world.states[index], wish.kind, self.going)
            for result, states in branches:
                yield self._stepped(world, index, result, states)
        if due is not None:
            yield from self._forced(world, due)
        elif self.verb is not None and not world.answered and self.verb.member in self.ids:
            yield from self._answered(world, self.verb)

    def _forced(self, world: World, due: Due) -> Iterator[World]:
        index = self.ids.index(due.member)
        is_prepare = due.kind is words.PREPARE
        events = [due.kind(ret) for ret in (0, *FAILURES)] if is_prepare else [due.kind()]
        taken = replace(world, transaction=world.transaction.took(due))
        for event in events:
            branches = self.moves.taken(world.states[index], event, self.jobs[index].kind)
            for result, states in branches:
                yield self._stepped(taken, index, result, states)

    def _answered(self, world: World, verb: Verb) -> Iterator[World]:
        index = self.ids.index(verb.member)
        given = world.states[index]
        replies = {number: self.reply(self.moves.controls[number], verb) for number in given}
        fitting = frozenset(number for number in given if replies[number] == verb.error)
        world = replace(world, answered=True)
        if not fitting:
            return
        if verb.error is not None:
            yield replace(world, states=_with(world.states, index, fitting))
            return
        kind = self.jobs[index].kind
        for result, states in self.moves.taken(fitting, verb.event, kind):
            yield self._stepped(world, index, result, states)

    def reply(self, control: ModernControl, verb: Verb) -> Error | None:
        """How the rows answer a verb: None for success."""
        return reply_of(self.moves, control, verb)

    def _stepped(self, world: World, index: int, result: Result, states: States) -> World:
        member = self.ids[index]
        transaction = world.transaction
        if result.phase is Status.CREATED and member not in transaction.members:
            transaction = replace(transaction, members=(member, *transaction.members))
        return replace(
            world,
            states=_with(world.states, index, states),
            transaction=transaction.heard(member, result.told),
            owed=tuple((member, sent) for sent in result.sent),
        )

    # ---- sets

    def _closed(self, world: World) -> World:
        if world.owed:
            return world
        pairs = zip(world.states, self.jobs, strict=True)
        closed = (self.moves.closed(states, wish.kind, self.going) for states, wish in pairs)
        return replace(world, states=tuple(closed))

    def _keep_each(
        self, worlds: Iterable[World], wanted: Callable[[str, ModernControl], bool]
    ) -> Iterator[World]:
        for world in worlds:
            kept = tuple(
                self.moves.keep(states, partial(wanted, wish.id))
                for states, wish in zip(world.states, self.jobs, strict=True)
            )
            if all(kept):
                yield replace(world, states=kept)

    def _merged(self, worlds: Iterable[World]) -> Worlds:
        """The same worlds, fewer: those that differ in one member's states alone become one."""
        found = set(worlds)
        for index in range(len(self.jobs)):
            joined: dict[World, dict[object, set[int]]] = {}
            for world in found:
                some = self.moves.some(world.states[index])
                rest = replace(world, states=_with(world.states, index, frozenset()))
                key = some.phase, some.prepared
                joined.setdefault(rest, {}).setdefault(key, set()).update(world.states[index])
            found = {
                replace(rest, states=_with(rest.states, index, frozenset(states)))
                for rest, by_key in joined.items()
                for states in by_key.values()
            }
        return frozenset(found)


def reply_of(moves: Moves, control: ModernControl, verb: Verb) -> Error | None:
    """How the rows answer a verb: None for success, else class and text."""
    form = verb.form
    if form.block_jobs_only and not control.block_job:
        error = form.not_found(verb.member)
        return error.qmp_class, error.desc
    stepped = moves.step(control, verb.event)
    if isinstance(stepped, Stepped):
        return None
    found = stepped.error(verb.member)
    error = form.not_found(verb.member) if isinstance(found, JobNotFound) else found
    return error.qmp_class, error.desc


def new_group(moves: Moves, jobs: tuple[Wish, ...]) -> Group:
    """Jobs that a command is about to make."""
    states = tuple(frozenset((moves.number(wish.kind.control),)) for wish in jobs)
    return Group(moves, jobs, frozenset((World(states, Transaction(())),)))


def fits(sent: Sent, name: str, data: dict[str, Any]) -> bool:
    """Whether an event is the one that the rows send."""
    if sent.name != name:
        return False
    return all(
        same_error(wanted, data.get(member)) if member == "error" else data.get(member) == wanted
        for member, wanted in sent.members
    )


def _with(states: tuple[States, ...], index: int, changed: States) -> tuple[States, ...]:
    return (*states[:index], changed, *states[index + 1 :])
