"""Which lifecycle a command is about: `--lifecycle` and `--profile`, for checking and drawing."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from blockjob_fsm.cli.problems import Problem
from blockjob_fsm.declaration import Lifecycle
from blockjob_fsm.guards import Control
from blockjob_fsm.lifecycles.classic import CLASSIC, CLASSIC_1_3
from blockjob_fsm.lifecycles.modern import MODERN
from blockjob_fsm.lifecycles.profiles import PROFILES, lifecycle_of

T = TypeVar("T")
#: the profile that is meant where none is named: as shipped, or the newest
SAFE = "safe"
_CLASSIC = {SAFE: CLASSIC, CLASSIC_1_3.profile: CLASSIC_1_3}
_REPORTS = {SAFE: "classic", CLASSIC_1_3.profile: "classic-1.3"}


class LifecycleName(Enum):
    """Lifecycles by name; ALL is for checking."""

    CLASSIC = "classic"
    MODERN = "modern"
    ALL = "all"


def chosen(lifecycle: LifecycleName, profile: str) -> Lifecycle[Control]:
    """The lifecycle to draw; a release has the newest profile that is not after it."""
    match lifecycle:
        case LifecycleName.CLASSIC:
            return _of_classic(_CLASSIC, profile)
        case LifecycleName.MODERN:
            return MODERN if profile == SAFE else _of_modern(profile)
    raise Problem("--lifecycle all: only one lifecycle can be drawn at a time")


def report_name(lifecycle: LifecycleName, profile: str) -> str:
    """What the checks call it."""
    match lifecycle:
        case LifecycleName.CLASSIC:
            return _of_classic(_REPORTS, profile)
        case LifecycleName.MODERN:
            found = chosen(lifecycle, profile)
            return f"{found.name}-{found.profile}"
    if profile != SAFE:
        raise Problem(f"--profile {profile}: --lifecycle all has its own profiles")
    return LifecycleName.ALL.value


def _of_classic(known: Mapping[str, T], profile: str) -> T:
    if profile not in known:
        raise Problem(f"--profile {profile}: classic has the profiles {', '.join(known)}")
    return known[profile]


def _of_modern(profile: str) -> Lifecycle[Control]:
    try:
        return lifecycle_of(profile)
    except ValueError as wrong:
        message = f"--profile {profile}: name a release since {PROFILES[0]}: {wrong}"
        raise Problem(message) from None
