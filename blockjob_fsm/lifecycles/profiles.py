"""The profiles of QEMU: the releases from 1.3 on whose rules are told apart, and their lifecycles.

1.3 has the classic lifecycle, the others the modern one. What a profile says stands in its rows,
and how the two lifecycles hang together in `refinement`.
"""

from __future__ import annotations

from typing import TypeAlias

from blockjob_fsm.declaration import Lifecycle, has_release
from blockjob_fsm.lifecycles.classic import CLASSIC_1_3
from blockjob_fsm.lifecycles.classic_words import QEMU_1_3, ClassicControl
from blockjob_fsm.lifecycles.modern import modern
from blockjob_fsm.lifecycles.modern_words import RELEASES, ModernControl

#: what decides how a job lives
AnyLifecycle: TypeAlias = Lifecycle[ClassicControl] | Lifecycle[ModernControl]

#: oldest first
PROFILES = (QEMU_1_3, *RELEASES)


def profile_of(release: str) -> str:
    """The profile of a release: the newest that is not after it.

    Raises ValueError, naming the oldest, for a release before it or a text that is none.
    """
    known = [name for name in PROFILES if has_release(release, name)]
    if not known:
        raise ValueError(f"there were no such jobs before {PROFILES[0]}: {release}")
    return known[-1]


def lifecycle_of(release: str) -> AnyLifecycle:
    """The lifecycle that jobs have in a release, by its profile.

    Raises ValueError as `profile_of` does.
    """
    profile = profile_of(release)
    return CLASSIC_1_3 if profile == QEMU_1_3 else modern(profile)
