"""The commands of jobs: every verb has one, and their arguments are refused in QEMU's words."""

import pytest

from blockjob_fsm.command_forms import COMMAND_FORMS, FORM_OF
from blockjob_fsm.declaration import Event
from blockjob_fsm.lifecycles import modern_words as words

MISSING = "Parameter '{}' is missing"
WRONG = "Invalid parameter type for '{}', expected: {}"


def test_every_verb_has_a_command() -> None:
    events = {form.event({"speed": 1}).kind for form in COMMAND_FORMS}
    assert events | {words.CANCEL} == set(words.VERBS)


def test_no_two_forms_have_one_name() -> None:
    assert len(FORM_OF) == len(COMMAND_FORMS)


@pytest.mark.parametrize(
    ("command", "arguments", "problem"),
    [
        ("job-pause", {"id": "j"}, None),
        ("job-pause", {}, MISSING.format("id")),
        ("job-pause", {"id": 1}, WRONG.format("id", "string")),
        ("job-cancel", {"id": "j", "force": True}, "Parameter 'force' is unexpected"),
        ("block-job-pause", {}, MISSING.format("device")),
        ("block-job-dismiss", {}, MISSING.format("id")),
        ("block-job-finalize", {"device": "j"}, MISSING.format("id")),
        ("block-job-cancel", {"device": "j", "force": False}, None),
        ("block-job-cancel", {"device": "j", "force": 1}, WRONG.format("force", "boolean")),
        ("block-job-set-speed", {"device": "j"}, MISSING.format("speed")),
        ("block-job-set-speed", {"device": "j", "speed": "1"}, WRONG.format("speed", "integer")),
        ("block-job-set-speed", {"device": "j", "speed": True}, WRONG.format("speed", "integer")),
        ("block-job-set-speed", {"device": "j", "speed": -1}, None),
    ],
    ids=str,
)
def test_arguments_are_checked_before_any_job_is(
    command: str, arguments: dict[str, object], problem: str | None
) -> None:
    assert FORM_OF[command].problem(arguments) == problem


@pytest.mark.parametrize(
    ("command", "arguments", "event"),
    [
        ("job-cancel", {}, words.CANCEL()),
        ("block-job-cancel", {}, words.SOFT_CANCEL()),
        ("block-job-cancel", {"force": False}, words.SOFT_CANCEL()),
        ("block-job-cancel", {"force": True}, words.CANCEL()),
        ("block-job-set-speed", {"speed": 3}, words.SET_SPEED(3)),
        ("block-job-change", {"copy-mode": "write-blocking"}, words.CHANGE(True)),
        ("block-job-change", {"copy-mode": "background"}, words.CHANGE(False)),
    ],
    ids=str,
)
def test_a_command_is_this_step(command: str, arguments: dict[str, object], event: Event) -> None:
    assert FORM_OF[command].event(arguments) == event
