"""Every refusal carries the class and the text that QEMU sends."""

import pytest

from blockjob_fsm import errors
from blockjob_fsm.errors import IllegalStep, QmpError

WIRE = [
    (errors.DeviceNotActive, "DeviceNotActive", "No active block job on device 'virtio0'"),
    (errors.DeviceNotFound, "DeviceNotFound", "Device 'virtio0' not found"),
    (errors.DeviceInUse, "GenericError", "Device 'virtio0' is in use"),
    (errors.NoMedium, "GenericError", "Device 'virtio0' has no medium"),
    (errors.JobPaused, "GenericError", "The block job for device 'virtio0' is currently paused"),
    (
        errors.CannotComplete,
        "GenericError",
        "The active block job for device 'virtio0' cannot be completed",
    ),
    (errors.CouldNotOpen, "GenericError", "Could not open 'virtio0'"),
    (errors.BaseNotFound, "GenericError", "Base 'virtio0' not found"),
    (errors.TopNotFound, "GenericError", "Top image file virtio0 not found"),
    (errors.TopIsActive, "GenericError", "Top image as the active layer is currently unsupported"),
    (errors.InvalidMerge, "GenericError", "Invalid files for merge: top and base are the same"),
    (errors.InvalidParameter, "GenericError", "Invalid parameter 'virtio0'"),
    (errors.NotSupported, "GenericError", "Not supported"),
    (errors.CommandNotFound, "CommandNotFound", "The command virtio0 has not been found"),
    (errors.JobNotFound, "GenericError", "Job not found"),
    (errors.JobIdInUse, "GenericError", "Job ID 'virtio0' already in use"),
    (errors.BlockJobNotFound, "DeviceNotActive", "Block job 'virtio0' not found"),
    (
        errors.CannotAcceptVerb,
        "GenericError",
        "Job 'virtio0' in state 'ready' cannot accept command verb 'pause'",
    ),
    (errors.JobAlreadyPaused, "GenericError", "Job is already paused"),
    (errors.JobNotPaused, "GenericError", "Can't resume a job that was not paused"),
    (
        errors.CannotBeCompleted,
        "GenericError",
        "The active block job 'virtio0' cannot be completed",
    ),
    (errors.NegativeSpeed, "GenericError", "Parameter 'virtio0' expects a non-negative value"),
    (errors.CannotChange, "GenericError", "Job type does not support change"),
    (
        errors.ChangeNotImplemented,
        "GenericError",
        "Change to copy mode 'virtio0' is not implemented",
    ),
]


@pytest.mark.parametrize(("error", "qmp_class", "desc"), WIRE)
def test_a_refusal_is_worded_as_on_the_wire(
    error: type[QmpError], qmp_class: str, desc: str
) -> None:
    refused = error("virtio0", state="ready", verb="pause")
    assert refused.to_qmp() == {"class": qmp_class, "desc": desc}


def test_every_refusal_is_among_them() -> None:
    declared = {kind for kind in QmpError.__subclasses__() if kind.__module__ == errors.__name__}
    assert {row[0] for row in WIRE} == declared


@pytest.mark.parametrize("error", [row[0] for row in WIRE] + [IllegalStep])
def test_the_tree_in_the_docstring_shows(error: type[Exception]) -> None:
    assert f" {error.__name__} " in (errors.__doc__ or "")


def test_the_detail_is_for_people_and_stays_off_the_wire() -> None:
    refusal = errors.JobPaused("virtio0", detail="needs not paused")
    assert str(refusal) == f"{refusal.desc} (needs not paused)"
    assert "needs" not in refusal.to_qmp()["desc"]


def test_a_refusal_without_detail_reads_as_on_the_wire() -> None:
    assert str(errors.NotSupported()) == "Not supported"


def test_a_step_of_our_own_that_no_row_allows_is_no_refusal() -> None:
    assert not issubclass(IllegalStep, QmpError)
    assert issubclass(IllegalStep, AssertionError)
