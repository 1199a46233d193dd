"""What query-jobs and query-block-jobs show of a job in a state, beside what they did show."""

from __future__ import annotations

from blockjob_fsm.guards import word
from blockjob_fsm.lifecycles import modern_words as words
from blockjob_fsm.lifecycles.modern_words import ModernControl, Place
from blockjob_fsm.trace.moves import error_of, same_error
from blockjob_fsm.trace.recording import Fields

#: where no coroutine can be while a query is answered: it would be running
_AT_WORK = (Place.RUNNING, Place.WOKEN)


def fits(control: ModernControl, job_type: str, job: Fields | None, block: Fields | None) -> bool:
    """Whether both queries could show a job in this state as they did; None is not at all.

    Figures of progress are not compared: no row has a say in them.
    """
    if control.phase in words.GONE:
        return job is None
    if job is None or control.place in _AT_WORK:
        return False
    common: Fields = {"type": job_type, "status": word(control.phase)}
    error = error_of(control) if control.phase in words.ENDED else None
    if not _shows(job, common) or not same_error(error, job.get("error")):
        return False
    if block is None:
        return not control.block_job
    own = common | _of_a_block_job(control)
    return _shows(block, own) and same_error(error, block.get("error"))


def _shows(entry: Fields, wanted: Fields) -> bool:
    return all(entry.get(name) == value for name, value in wanted.items())


def _of_a_block_job(control: ModernControl) -> Fields:
    return {
        "busy": control.busy,
        "paused": control.pause_count > 0,
        "ready": control.synced,
        "speed": control.speed,
        "io-status": word(control.io_status),
        "auto-finalize": control.auto_finalize,
        "auto-dismiss": control.auto_dismiss,
    }
