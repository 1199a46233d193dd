"""The kinds of modern job, as rows: what of a job's lifecycle is its kind's and not its user's.

QEMU calls them drivers. What each kind does to its disks is its body's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockjob_fsm.declaration import has_release
from blockjob_fsm.lifecycles.modern_words import ModernControl

#: what an error event calls the failed request, and the creation argument that holds its policy
Policy = tuple[str, str]

_READS_AND_WRITES: tuple[Policy, ...] = (("read", "on-source-error"), ("write", "on-target-error"))


@dataclass(frozen=True, slots=True)
class Driver:
    """A kind of job.

    `completable`: it gets in step with its target, can then be asked to complete, and honours a
    cancel without force; every other kind ends at once, as if cancelled with force. `changeable`:
    its copy mode can be changed. `limit_kept_since` is the first release in which a job that is
    entered early goes on sleeping for its limit; empty: all of them do.
    """

    type: str
    what: str
    block_job: bool = True
    completable: bool = False
    changeable: bool = False
    limit_kept_since: str = "8.1"
    policies: tuple[Policy, ...] = _READS_AND_WRITES

    def leaks(self, profile: str) -> bool:
        """Whether an early entry lets one more unit pass the limit in this release."""
        since = self.limit_kept_since
        return bool(since) and has_release(profile, since="", until=since)

    def control(self, *, auto_finalize: bool = True, auto_dismiss: bool = True) -> ModernControl:
        """The control state that a job of this kind begins with.

        What is no block job always finalizes itself, and never dismisses itself.
        """
        return ModernControl(
            block_job=self.block_job,
            completable=self.completable,
            changeable=self.changeable,
            mirrors=self.completable,
            auto_finalize=auto_finalize or not self.block_job,
            auto_dismiss=auto_dismiss and self.block_job,
        )


STREAM = Driver(
    "stream",
    "pulls data up into the active image; a failed write into it is reported as a read",
    policies=(("read", "on-error"),),
)
COMMIT = Driver(
    "commit",
    "writes data from an image between down into its base",
    policies=(("read", "on-error"), ("write", "on-error")),
)
ACTIVE_COMMIT = Driver(
    "commit",
    "writes the active image down: a mirror to its own base",
    completable=True,
    policies=COMMIT.policies,
)
MIRROR = Driver(
    "mirror", "copies a disk, and keeps the copy in step", completable=True, changeable=True
)
BACKUP = Driver(
    "backup",
    "saves a disk as it was; its limiter sits in the copier, where no early entry gets past it",
    limit_kept_since="",
)
CREATE = Driver("create", "makes an image", block_job=False, limit_kept_since="", policies=())
DRIVERS = (STREAM, COMMIT, ACTIVE_COMMIT, MIRROR, BACKUP, CREATE)


def driver_of(job_type: str) -> Driver:
    """The row of the block job of this name; for a kind of the caller's own, the plainest one."""
    known = (driver for driver in DRIVERS if driver.type == job_type and driver.block_job)
    return next(known, Driver(job_type, "does what its caller's code does"))
