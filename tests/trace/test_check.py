"""Short sessions: what is legal, what is not, and what is said about it."""

import json
from typing import Any

import pytest

from blockjob_fsm.trace import Unreadable, check, profile_of
from tests.trace.sessions import META, Line, cmd, event, figures, mirror, status, stream, verdict

PAUSED = ("GenericError", "The block job for device 'j0' is currently paused")
NOT_FOUND = ("GenericError", "Job not found")
NO_BLOCK_JOB = ("DeviceNotActive", "Block job 'j0' not found")
NOT_PAUSED = ("GenericError", "Can't resume a job that was not paused")
SUCCESS = [*status("j0", "waiting", "pending"), figures("BLOCK_JOB_COMPLETED", "stream")]
GONE = status("j0", "concluded", "null")
CANCELLED = [*status("j0", "aborting"), figures("BLOCK_JOB_CANCELLED", "stream"), *GONE]
STOPPED = event("BLOCK_JOB_ERROR", device="j0", operation="read", action="stop")
PAUSE, RESUME, CANCEL = (cmd(f"job-{verb}", 1, id="j0") for verb in ("pause", "resume", "cancel"))

LEGAL: dict[str, list[Line]] = {
    "a stream that ends by itself": [*stream(), *SUCCESS, *GONE],
    "a stream that is cancelled": [*stream(), CANCEL, *CANCELLED],
    "the reply comes after the events": [
        *stream(),
        *({**line, "in": 1} for line in CANCELLED),
        CANCEL,
    ],
    "a pause that the job has no time for": [*stream(), PAUSE, *SUCCESS, *GONE],
    "a pause at a pause point": [*stream(), PAUSE, *status("j0", "paused")],
    "a soft cancel of a ready mirror": [
        *mirror(),
        cmd("block-job-cancel", 1, device="j0"),
        *status("j0", "waiting", "pending"),
        figures("BLOCK_JOB_COMPLETED", "mirror"),
        *GONE,
    ],
    "an error under policy stop": [*stream(on_error="stop"), STOPPED, *status("j0", "paused")],
    "a job that is made anew under its old id": [*stream(), *SUCCESS, *GONE, *stream(1)[1:]],
    "an id that nobody has": [META, cmd("job-pause", 0, NOT_FOUND, id="j0")],
    "a refusal that no job has a say in": [
        META,
        cmd("block-stream", 0, ("GenericError", "Need a root block node"), job_id="j0"),
    ],
    "events of others": [META, event("STOP"), event("BLOCK_IO_ERROR", device="d")],
}


def accepted(lines: list[Line], profile: str | None = None) -> bool:
    return verdict(*lines, profile=profile).accepted


@pytest.mark.parametrize("lines", LEGAL.values(), ids=LEGAL)
def test_this_session_is_legal(lines: list[Line]) -> None:
    assert accepted(lines)


MANUAL = stream(auto_dismiss=False, auto_finalize=False)
PENDING = event("BLOCK_JOB_PENDING", id="j0", type="stream")
FINALIZE = cmd("job-finalize", 1, id="j0")
ANOTHER = figures("BLOCK_JOB_COMPLETED", "stream", error="No space left on device")
ILLEGAL: dict[str, tuple[list[Line], int, str]] = {
    "a job that nobody made": ([META, *status("j0", "created")], 2, "there is no job j0"),
    "a status that is skipped": (
        [*stream(), *status("j0", "pending")],
        5,
        "no row leads from running to status pending",
    ),
    "a pause without a reason": (
        [*stream(), *status("j0", "paused")],
        5,
        "somebody wants a pause, and a cancelled job has no time for it",
    ),
    "a soft cancel of a paused job": (
        [*stream(), PAUSE, *status("j0", "paused"), cmd("block-job-cancel", 2, device="j0")],
        7,
        "without force a paused job must be resumed first",
    ),
    "a refusal without a reason": (
        [*stream(), cmd("block-job-cancel", 1, PAUSED, device="j0")],
        5,
        "allowed: cancel/soft_cancel in running",
    ),
    "a text of another class": (
        [META, cmd("block-job-pause", 0, NOT_FOUND, device="j0")],
        2,
        "the command's form decides, or that there is no such job",
    ),
    "an action that the policy does not have": (
        [*stream(on_error="report"), STOPPED],
        5,
        "not now: error in running/ready",
    ),
    "a failure that succeeds": (
        [*stream(), *SUCCESS[:2], ANOTHER],
        7,
        "success: the driver's work comes first, then the event",
    ),
    "finalizing that has not been done": (
        [*MANUAL, *SUCCESS[:2], PENDING, FINALIZE, SUCCESS[2]],
        8,
        "before its reply a command does all that it does",
    ),
    "an event between two of one step": (
        [*MANUAL, *SUCCESS[:2], *status("j0", "concluded")],
        7,
        "a step sends all its events in order, and nothing comes between them",
    ),
    "a job that was not started": (
        [META, cmd("block-stream", 0, job_id="j0", device="top")],
        2,
        "j0 has not been made and started",
    ),
    "a job that is left half made": (
        [
            META,
            *status("j0", "created", during=0),
            cmd("block-stream", 0, ("GenericError", "Need a root block node"), job_id="j0"),
        ],
        3,
        "j0 was made, and neither started nor undone",
    ),
    "a refusal that nobody knows": (
        [META, cmd("block-stream", 0, ("GenericError", "I would rather not"), job_id="j0")],
        2,
        "no row has this refusal",
    ),
    "the end of the program, unasked": (
        [META, {"t": "end", "alive": False, "code": 0}],
        2,
        "it ends when told to quit, when all jobs are gone",
    ),
    "a crash": (
        [META, {"t": "end", "alive": False, "code": -11}],
        2,
        "QEMU itself failed: it ended with code -11",
    ),
}


@pytest.mark.parametrize(("lines", "line", "because"), ILLEGAL.values(), ids=ILLEGAL)
def test_this_session_is_not_legal(lines: list[Line], line: int, because: str) -> None:
    found = verdict(*lines).finding
    assert found is not None
    assert found.line == line
    assert any(because in text for text in found.because), found.because


def test_what_would_have_been_legal_is_told() -> None:
    found = verdict(*stream(), *status("j0", "pending")).finding
    assert found is not None
    assert "j0: JOB_STATUS_CHANGE status=waiting" in found.legal
    assert not any("status=paused" in text for text in found.legal)


def snapshot(**changed: Any) -> Line:
    """Both queries of a ready mirror."""
    job = {"id": "j0", "type": "mirror", "status": "ready"}
    flags = {"busy": False, "paused": False, "ready": True, "speed": 0, "io-status": "ok"}
    autos = {"auto-finalize": True, "auto-dismiss": True}
    block = {"device": "j0", "type": "mirror", "status": "ready", **flags, **autos, **changed}
    return {"t": "snap", "jobs": [job], "block_jobs": [block], "quiet": True}


def test_a_query_shows_what_the_rows_know() -> None:
    assert accepted([*mirror(), snapshot()])


@pytest.mark.parametrize(
    "changed",
    [
        {"paused": True},
        {"ready": False},
        {"speed": 1},
        {"io-status": "failed"},
        {"auto-dismiss": False},
        {"status": "running"},
        {"error": "Input/output error"},
    ],
    ids=str,
)
def test_a_query_that_shows_something_else_is_rejected(changed: dict[str, object]) -> None:
    found = verdict(*mirror(), snapshot(**changed)).finding
    assert found is not None
    assert found.what == "query"


def test_a_job_that_is_missing_in_a_query_is_missed() -> None:
    missing = {"t": "snap", "jobs": [], "block_jobs": [], "quiet": True}
    found = verdict(*mirror(), missing).finding
    assert found is not None
    assert found.legal == ("j0",)


STANDBY = [
    *mirror(),
    cmd("job-pause", 1, id="j0"),
    *status("j0", "standby"),
    cmd("job-complete", 2, id="j0"),
]


def test_a_release_is_judged_by_its_own_rows() -> None:
    assert accepted(STANDBY, "6.0")
    assert not accepted(STANDBY, "3.0")


def test_a_command_is_known_from_its_release_on() -> None:
    unknown = ("CommandNotFound", "The command block-job-change has not been found")
    lines = [META, cmd("block-job-change", 0, unknown, id="j0", type="mirror")]
    assert accepted(lines, "7.2")
    assert not accepted(lines, "8.2")


@pytest.mark.parametrize(
    ("version", "profile"),
    [("7.2.22", "7.2"), ("8.0.1", "7.2"), ("10.1.0", "10.1"), ("2.11", "7.2"), ("soon", "7.2")],
)
def test_the_profile_is_the_newest_that_is_not_newer(version: str, profile: str) -> None:
    assert profile_of(version) == profile


QUIT = cmd("quit", 1)
EVENT = '{"t": "event", "name": 1}'


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([], "line 1: the first line must be a meta line"),
        (["{"], "line 1: not JSON"),
        (["[]"], "line 1: t: must be one of meta"),
        ([json.dumps(META), '{"t": "dream"}'], "line 2: t: must be one of meta"),
        (
            [json.dumps(META), '{"t": "cmd", "exec": "quit", "n": 1}'],
            "line 2: a cmd line needs either",
        ),
        (
            [json.dumps(META), '{"t": "event", "name": 1}'],
            "line 2: name: needed in a line of kind event",
        ),
        ([json.dumps(META), '{"t": "snap", "jobs": [{}], "block_jobs": []}'], "needs its id"),
        ([json.dumps(line) for line in (META, QUIT, QUIT)], "line 3: n: command 1 was before"),
    ],
    ids=str,
)
def test_what_is_no_recording_is_unreadable(rows: list[str], problem: str) -> None:
    with pytest.raises(Unreadable, match=problem):
        check(rows)


def test_a_reply_is_that_of_the_form_for_block_jobs() -> None:
    assert accepted([META, cmd("block-job-pause", 0, NO_BLOCK_JOB, device="j0")])


def test_resuming_is_judged_by_the_users_own_pause() -> None:
    assert accepted([*stream(), cmd("job-resume", 1, NOT_PAUSED, id="j0")])
    assert not accepted([*stream(), RESUME])
