"""What is true of every step of the 2012 lifecycle: errors, endings, the mirror, the hazards.

The number in a name is the invariant of the specification, or the hazard, that the claim is about.
A hazard's claim is false of QEMU 1.3 as it was; the expected verdicts say so.
"""

from __future__ import annotations

from blockjob_fsm.error_action import IoStatus
from blockjob_fsm.lifecycles.classic_words import (
    BUSY,
    CALL_BACK,
    CANCELLED,
    COMPLETABLE,
    COMPLETE,
    COMPLETED,
    DECIDE,
    DECIDED,
    EMIT_CANCELLED,
    EMIT_COMPLETED,
    EMIT_ERROR,
    EMIT_READY,
    ERROR,
    IN_USE,
    IO_STATUS,
    IOSTATUS_RESET,
    ON_TARGET,
    PAUSED,
    PHASE,
    PIVOT,
    READY,
    RESET_TARGET,
    RESULT,
    RET,
    SAFE,
    SHOULD_COMPLETE,
    STATUS,
    STOP_TARGET,
    SUBMIT_IO,
    SYNCED,
    UNDRAIN,
    WAKE,
    Phase,
)
from blockjob_fsm.properties.classic_states import FAILED, in_phase
from blockjob_fsm.properties.classic_steps import CANCELS, RESETS, STOPS, but
from blockjob_fsm.properties.words import AlwaysStep, Old, Property, implies, unchanged

_ERRORS: tuple[Property, ...] = (
    AlwaysStep(
        name="12-first-wins",
        claim="an io-status that is set never changes into another: the first error stays",
        before=FAILED,
        after=unchanged(IO_STATUS) | ~FAILED,
        witness="stopped-by-error",
    ),
    AlwaysStep(
        name="12-cleared-by",
        claim="an error stays published until somebody acknowledges it",
        events=but(*RESETS),
        before=FAILED,
        after=FAILED,
        witness="stopped-by-error",
    ),
    AlwaysStep(
        name="12-set-by",
        claim="only an error sets the io-status",
        events=but(ERROR),
        before=~FAILED,
        after=~FAILED,
        witness="stopped-by-error",
    ),
    AlwaysStep(
        name="12-stop",
        claim="an error that stops pauses the job and publishes its kind if it is the first",
        events=(ERROR,),
        before=STOPS,
        after=PAUSED & implies(Old(IO_STATUS).equals(IoStatus.OK), IO_STATUS.equals(STATUS)),
        witness="stopped-by-error",
    ),
    AlwaysStep(
        name="12-pass",
        claim="an error that is reported or ignored leaves pause and io-status alone",
        events=(ERROR,),
        before=~STOPS,
        after=unchanged(PAUSED) & unchanged(IO_STATUS),
        never=(STOP_TARGET,),
        witness="takes-error",
    ),
    AlwaysStep(
        name="12-target",
        claim="a target's error that stops is published by the target too",
        events=(ERROR,),
        before=STOPS & ON_TARGET.equals(True),
        does=(STOP_TARGET,),
        witness="stopped-by-error",
    ),
    AlwaysStep(
        name="12-source",
        claim="a source's error never touches the target",
        events=(ERROR,),
        before=ON_TARGET.equals(False),
        never=(STOP_TARGET,),
        witness="takes-error",
    ),
    AlwaysStep(
        name="12-acknowledged",
        claim="acknowledging an error clears it on job and target and wakes nobody",
        events=(IOSTATUS_RESET,),
        after=~FAILED & unchanged(PAUSED) & unchanged(PHASE),
        does=(RESET_TARGET,),
        never=(WAKE,),
        witness="stopped-unseen",
    ),
    AlwaysStep(
        name="14-error-event",
        claim="every error sends BLOCK_JOB_ERROR, whatever is done about it",
        events=(ERROR,),
        does=(EMIT_ERROR,),
        witness="takes-error",
    ),
    AlwaysStep(
        name="14-only-errors",
        claim="nothing else sends BLOCK_JOB_ERROR",
        events=but(ERROR),
        never=(EMIT_ERROR, STOP_TARGET),
        witness="takes-error",
    ),
)

_ENDS: tuple[Property, ...] = (
    AlwaysStep(
        name="10-callback",
        claim="the callback runs when the body has ended, with device and job still there",
        events=(COMPLETED,),
        after=in_phase(Phase.ENDING) & IN_USE & BUSY & RET.equals(RESULT),
        does=(CALL_BACK,),
        witness="takes-completed",
    ),
    AlwaysStep(
        name="10-let-in",
        claim="however a job ends, the guest's requests are let in again",
        events=(COMPLETED,),
        does=(UNDRAIN,),
        witness="takes-completed",
    ),
    AlwaysStep(
        name="10-once",
        claim="nothing else calls back or ends a job",
        events=but(COMPLETED),
        after=implies(in_phase(Phase.ENDING), Old(PHASE).equals(Phase.ENDING)) & unchanged(RET),
        never=(CALL_BACK, EMIT_COMPLETED, EMIT_CANCELLED, PIVOT, UNDRAIN),
        witness="takes-completed",
    ),
    AlwaysStep(
        name="10-over",
        claim="a job that has called back can only be freed",
        before=in_phase(Phase.ENDING, Phase.FREED),
        after=in_phase(Phase.ENDING, Phase.FREED),
        never=(CALL_BACK, WAKE, SUBMIT_IO),
        witness="in-callback",
    ),
    AlwaysStep(
        name="11-fixed",
        claim="once the result is out, no verb changes whether the job counts as cancelled",
        before=in_phase(Phase.ENDING),
        after=unchanged(CANCELLED) & unchanged(RET) & unchanged(SHOULD_COMPLETE),
        witness="in-callback",
    ),
    AlwaysStep(
        name="15-completed",
        claim="a job that is not cancelled ends with BLOCK_JOB_COMPLETED alone",
        events=(COMPLETED,),
        before=~CANCELLED,
        does=(EMIT_COMPLETED,),
        never=(EMIT_CANCELLED,),
        witness="takes-completed",
    ),
    AlwaysStep(
        name="15-cancelled",
        claim="a cancelled job ends with BLOCK_JOB_CANCELLED alone",
        events=(COMPLETED,),
        before=CANCELLED,
        does=(EMIT_CANCELLED,),
        never=(EMIT_COMPLETED,),
        witness="cancelled",
    ),
)

_MIRROR: tuple[Property, ...] = (
    AlwaysStep(
        name="15-ready",
        claim="only a mirror sends BLOCK_JOB_READY, and only when it gets into step",
        events=but(READY),
        never=(EMIT_READY,),
        witness="in-step",
    ),
    AlwaysStep(
        name="19-ready",
        claim="getting into step is announced, once",
        events=(READY,),
        after=SYNCED & COMPLETABLE & Old(SYNCED).equals(False),
        does=(EMIT_READY,),
        witness="takes-ready",
    ),
    AlwaysStep(
        name="19-synced-by",
        claim="a mirror is in step only if it was announced since the last error",
        events=but(READY),
        before=~SYNCED,
        after=~SYNCED,
        witness="in-step",
    ),
    AlwaysStep(
        name="19-error",
        claim="any error puts a mirror out of step",
        events=(ERROR,),
        after=~SYNCED,
        witness="takes-error",
    ),
    AlwaysStep(
        name="19-kept",
        claim="nothing but an error puts a mirror out of step",
        events=but(ERROR),
        before=SYNCED,
        after=SYNCED,
        witness="in-step",
    ),
    AlwaysStep(
        name="20-asked",
        claim="a request to complete is accepted only by a mirror in step that runs uncancelled",
        before=~SHOULD_COMPLETE,
        after=~SHOULD_COMPLETE
        | (Old(SYNCED).equals(True) & Old(PAUSED).equals(False) & Old(CANCELLED).equals(False)),
        witness="takes-complete",
        only=(SAFE,),
    ),
    AlwaysStep(
        name="20-asked-in-step",
        claim="a request to complete is accepted only by a mirror in step",
        before=~SHOULD_COMPLETE,
        after=~SHOULD_COMPLETE | Old(SYNCED).equals(True),
        witness="takes-complete",
    ),
    AlwaysStep(
        name="20-remembered",
        claim="a request to complete is never forgotten",
        before=SHOULD_COMPLETE,
        after=SHOULD_COMPLETE,
        witness="asked-again",
    ),
    AlwaysStep(
        name="20-pivot",
        claim="a device becomes its target only on request and without an error",
        events=(COMPLETED,),
        before=~(SHOULD_COMPLETE & RESULT.equals(0)),
        never=(PIVOT,),
        witness="takes-completed",
    ),
    AlwaysStep(
        name="20-pivots",
        claim="a mirror asked to complete that ends uncancelled and without error swaps the device",
        events=(COMPLETED,),
        before=SHOULD_COMPLETE & RESULT.equals(0) & ~CANCELLED,
        does=(PIVOT,),
        witness="takes-complete",
    ),
)

_HAZARDS: tuple[Property, ...] = (
    AlwaysStep(
        name="H1-no-lost-data",
        claim="a cancelled job leaves its device as it was",
        events=(COMPLETED,),
        before=CANCELLED,
        never=(PIVOT,),
        witness="cancelled",
    ),
    AlwaysStep(
        name="H2-atomic",
        claim="a request to complete is accepted and takes effect in one step",
        events=(COMPLETE,),
        after=SHOULD_COMPLETE & ~PAUSED & ~FAILED & implies(Old(BUSY).equals(False), BUSY),
        witness="takes-complete",
    ),
    AlwaysStep(
        name="H7-done-is-done",
        claim="a job that has done all its work is not cancelled any more",
        events=(DECIDE,),
        after=~CANCELLED,
        witness="decides",
    ),
    AlwaysStep(
        name="H7-too-late",
        claim="a cancel after the point of no return changes neither work nor verdict",
        events=CANCELS,
        before=DECIDED,
        after=DECIDED & ~CANCELLED,
        witness="decides",
        only=(SAFE,),
    ),
)

OUTCOMES: tuple[Property, ...] = (*_ERRORS, *_ENDS, *_MIRROR, *_HAZARDS)
