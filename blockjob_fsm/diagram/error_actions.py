"""The picture and tables of error handling: policy and errno to action, and what comes of it.

Every cell is asked of `error_action`, and the effects are the rows of whatever event of the
lifecycle carries an action; nothing is repeated here by hand.
"""

from __future__ import annotations

import errno as errno_codes
from collections.abc import Iterable, Iterator
from itertools import product

from blockjob_fsm.declaration import EventKind, Lifecycle, Rule
from blockjob_fsm.diagram.graph import Edge, Graph, Kind, Node, merged
from blockjob_fsm.diagram.reach import domain_of, reach
from blockjob_fsm.diagram.tables import Cell, Code, Table, rules_table
from blockjob_fsm.diagram.verbs import outcome_of
from blockjob_fsm.diagram.words import condition, title_of
from blockjob_fsm.error_action import (
    DevicePolicy,
    ErrorAction,
    IoStatus,
    OnError,
    admit,
    choose_action,
    first_error,
    io_status_of,
)
from blockjob_fsm.errors import InvalidParameter
from blockjob_fsm.guards import Control

#: the errnos that are told apart; one stands for all the others
_ERRNOS = {"ENOSPC": errno_codes.ENOSPC, "any other errno": errno_codes.EIO}
_SILENT = DevicePolicy(io_status_enabled=False)


def picture(lifecycle: Lifecycle[Control]) -> Graph:
    """From policy by errno to action, and from action to what the lifecycle does with it."""
    states = reach(lifecycle).states
    rules = [(a, rule) for a in ErrorAction for rule in _rules_for(lifecycle, states, a)]
    outcomes = list(dict.fromkeys(outcome_of(rule) for _, rule in rules))
    nodes = (
        *(Node(f"on_{p.value}", f"on-error {p.value}", _needs(p)) for p in OnError),
        *(Node(f"do_{action.value}", action.value) for action in ErrorAction),
        *(Node(f"outcome_{n}", *outcome) for n, outcome in enumerate(outcomes, 1)),
    )
    edges = (
        *(
            Edge(f"on_{policy.value}", f"do_{choose_action(policy, number).value}", (name,))
            for policy in OnError
            for name, number in _ERRNOS.items()
        ),
        *(
            Edge(f"do_{action.value}", f"outcome_{_place(outcomes, rule)}", (condition(rule),))
            for action, rule in rules
        ),
    )
    title = f"{title_of(lifecycle)}: error actions"
    return Graph(title, nodes, merged(nodes, edges), across=True)


def error_tables(lifecycle: Lifecycle[Control]) -> tuple[Table, ...]:
    """The action, its effects, the io-status, admission, and the device's own policy."""
    kinds = _error_events(lifecycle)
    effects = (rule for rule in lifecycle.rules if set(kinds) & set(rule.events))
    return (
        Table(
            "The action for a job's failed request",
            ("on-error", *_ERRNOS, "admitted"),
            tuple(_policy_row(policy) for policy in OnError),
        ),
        rules_table(effects, "What the action does to the job"),
        _io_status_table(),
        rules_table(_resets(lifecycle, kinds), "What resets a job's io-status"),
        _admission_table(),
        _device_table(),
    )


def _error_events(lifecycle: Lifecycle[Control]) -> tuple[EventKind, ...]:
    return tuple(
        kind
        for kind in lifecycle.events
        if any(argument.domain is ErrorAction for argument in kind.arguments)
    )


def _rules_for(
    lifecycle: Lifecycle[Control], states: Iterable[Control], action: ErrorAction
) -> Iterator[Rule]:
    """The rules that can fire with this action, in one of these states."""
    for kind in _error_events(lifecycle):
        choices = ((action,) if a.domain is ErrorAction else domain_of(a) for a in kind.arguments)
        values = list(product(*choices))
        for rule in lifecycle.rules:
            if kind in rule.events and any(
                rule.when.holds(state, chosen)
                for state in states
                if state.phase in rule.phases
                for chosen in values
            ):
                yield rule


def _place(outcomes: list[tuple[str, tuple[str, ...], Kind]], rule: Rule) -> int:
    return outcomes.index(outcome_of(rule)) + 1


def _refusal(policy: OnError, device: DevicePolicy) -> InvalidParameter | None:
    try:
        admit(policy, device, "on-error")
    except InvalidParameter as refusal:
        return refusal
    return None


def _needs(policy: OnError) -> tuple[str, ...]:
    refusal = _refusal(policy, _SILENT)
    return () if refusal is None else ("needs a device whose io-status is published",)


def _policy_row(policy: OnError) -> tuple[Cell, ...]:
    refusal = _refusal(policy, _SILENT)
    published = "where the io-status is published, else"
    admitted = "always" if refusal is None else f"{published} {refusal.desc}"
    actions = (choose_action(policy, number).value for number in _ERRNOS.values())
    return (Code(policy.value), *actions, admitted)


def _io_status_table() -> Table:
    rows = (
        (status.value, *(first_error(status, io_status_of(n)).value for n in _ERRNOS.values()))
        for status in IoStatus
    )
    return Table(
        "The io-status after a stop",
        ("io-status before", *(f"after {name}" for name in _ERRNOS)),
        tuple(rows),
        "The first error stays until somebody resets it; success does not.",
    )


def _resets(lifecycle: Lifecycle[Control], errors: tuple[EventKind, ...]) -> Iterator[Rule]:
    for rule in lifecycle.rules:
        written = {assignment.variable.domain for assignment in rule.sets}
        if IoStatus in written and not set(errors) & set(rule.events):
            yield rule


def _drives() -> Iterator[tuple[OnError, OnError, DevicePolicy]]:
    """Every pair (werror, rerror) that a drive accepts."""
    for on_write, on_read in product(OnError, OnError):
        try:
            yield on_write, on_read, DevicePolicy(on_read, on_write)
        except InvalidParameter:
            continue


def _admission_table() -> Table:
    rows = []
    for on_write, on_read, device in _drives():
        refused = [policy.value for policy in OnError if _refusal(policy, device) is not None]
        published = "yes" if device.reports_io_status else "no"
        cells = (Code(on_write.value), Code(on_read.value), published, ", ".join(refused) or "none")
        rows.append(cells)
    return Table(
        "Admission: which policies a job may have on which device",
        ("werror", "rerror", "io-status published", "job policies refused"),
        tuple(rows),
        "For a device model that has an io-status; without one nothing is published. "
        "The test comes before the device is found busy.",
    )


def _device_table() -> Table:
    accepted = {("write", w) for w, _, _ in _drives()} | {("read", r) for _, r, _ in _drives()}
    rows = tuple(
        (request, Code(policy.value), *_device_actions(request == "read", policy))
        if (request, policy) in accepted
        else (request, Code(policy.value), *("not accepted" for _ in _ERRNOS))
        for request in ("read", "write")
        for policy in OnError
    )
    return Table(
        "The action for a guest's failed request",
        ("request", "policy", *_ERRNOS),
        rows,
        "A device looks up the same table, with rerror for reads and werror for writes. "
        "Its io-status is its own, apart from the job's.",
    )


def _device_actions(is_read: bool, policy: OnError) -> Iterator[str]:
    device = (
        DevicePolicy(policy, OnError.REPORT) if is_read else DevicePolicy(OnError.REPORT, policy)
    )
    for number in _ERRNOS.values():
        yield device.action(is_read=is_read, errno=number).value
