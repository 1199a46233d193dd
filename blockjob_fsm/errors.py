"""Every refusal a caller can meet, with the class and text QMP gives it.

    QmpError                     root; never raised itself
    ├── DeviceNotActive          the device has no block job
    ├── DeviceNotFound           no device of that name
    ├── DeviceInUse              the device is taken by a job or by somebody else
    ├── NoMedium                 the device is empty
    ├── JobPaused                block-job-cancel without force on a paused job
    ├── CannotComplete           the job has no such step, or is not ready for it
    ├── CouldNotOpen             an image file did not open
    ├── BaseNotFound             the base is not in the chain where it must be
    ├── TopNotFound              the top is not in the chain
    ├── TopIsActive              commit of the active layer
    ├── InvalidMerge             commit of an image into itself
    ├── InvalidParameter         a parameter's value is out of range
    ├── NotSupported             the job type lacks the operation
    ├── CommandNotFound          a command that the release does not have
    │                            since the job API of 2.12:
    ├── JobNotFound              no job of that id
    ├── JobIdInUse               a job of that id, perhaps over and not dismissed
    ├── BlockJobNotFound         no block job of that id
    ├── CannotAcceptVerb         the verb is not for the job's status
    ├── JobAlreadyPaused         the user has paused the job before
    ├── JobNotPaused             resume of a job that the user has not paused
    ├── CannotBeCompleted        a cancelled job, or one whose type has no such step
    ├── NegativeSpeed            a speed below 0
    ├── CannotChange             the job type has nothing to change
    └── ChangeNotImplemented     a copy mode that cannot be changed to
    IllegalStep                  an AssertionError: our own code broke the lifecycle

Source of classes and texts: the QMP errors of QEMU 1.3, and those of 7.2 for the job API. A disk's
failure is not in this tree: it is a value that goes back into the job. Nothing that needs another
module may enter this file.
"""

from __future__ import annotations


class QmpError(Exception):
    """A refused request: `subject` fills the text, `detail` says what was missing.

    `state` and `verb` fill the texts that name them. `qmp_class` and `desc` are exactly what goes
    on the wire; `str()` appends the detail for people.
    """

    qmp_class = "GenericError"
    text = "{}"

    def __init__(
        self, subject: str = "", *, detail: str = "", state: str = "", verb: str = ""
    ) -> None:
        super().__init__(subject)
        self.subject = subject
        self.detail = detail
        self.state = state
        self.verb = verb

    @property
    def desc(self) -> str:
        """The error's text on the wire."""
        return self.text.format(self.subject, state=self.state, verb=self.verb)

    def to_qmp(self) -> dict[str, str]:
        """The `error` member of a QMP reply: {class, desc}."""
        return {"class": self.qmp_class, "desc": self.desc}

    def __str__(self) -> str:
        return f"{self.desc} ({self.detail})" if self.detail else self.desc


class DeviceNotActive(QmpError):
    """The device has no block job; a device that does not exist looks the same."""

    qmp_class = "DeviceNotActive"
    text = "No active block job on device '{}'"


class DeviceNotFound(QmpError):
    """No device of that name exists."""

    qmp_class = "DeviceNotFound"
    text = "Device '{}' not found"


class DeviceInUse(QmpError):
    """The device is taken, by a job or by another user."""

    text = "Device '{}' is in use"


class NoMedium(QmpError):
    """The device holds no image."""

    text = "Device '{}' has no medium"


class JobPaused(QmpError):
    """A paused job is cancelled only with force, so that no error stop goes unseen."""

    text = "The block job for device '{}' is currently paused"


class CannotComplete(QmpError):
    """The job cannot be asked to finish now, or never can."""

    text = "The active block job for device '{}' cannot be completed"


class CouldNotOpen(QmpError):
    """An image file did not open."""

    text = "Could not open '{}'"


class BaseNotFound(QmpError):
    """The base is not below the image it is to be the base of."""

    text = "Base '{}' not found"


class TopNotFound(QmpError):
    """The top is no image of the chain."""

    text = "Top image file {} not found"


class TopIsActive(QmpError):
    """The active layer cannot be committed while it is written to."""

    text = "Top image as the active layer is currently unsupported"


class InvalidMerge(QmpError):
    """An image cannot be committed into itself."""

    text = "Invalid files for merge: top and base are the same"


class InvalidParameter(QmpError):
    """A parameter's value is out of its range."""

    text = "Invalid parameter '{}'"


class NotSupported(QmpError):
    """The job type lacks the operation."""

    text = "Not supported"


class CommandNotFound(QmpError):
    """The release does not have the command."""

    qmp_class = "CommandNotFound"
    text = "The command {} has not been found"


class JobNotFound(QmpError):
    """No job has the id."""

    text = "Job not found"


class JobIdInUse(QmpError):
    """A job has the id already; it keeps it until it is dismissed."""

    text = "Job ID '{}' already in use"


class BlockJobNotFound(QmpError):
    """No block job has the id; a job of another kind looks the same to block-job commands."""

    qmp_class = "DeviceNotActive"
    text = "Block job '{}' not found"


class CannotAcceptVerb(QmpError):
    """The verb table has no place for the verb in the job's status."""

    text = "Job '{}' in state '{state}' cannot accept command verb '{verb}'"


class JobAlreadyPaused(QmpError):
    """A user's pause does not count twice."""

    text = "Job is already paused"


class JobNotPaused(QmpError):
    """Only a user's pause can be resumed, not a drain's."""

    text = "Can't resume a job that was not paused"


class CannotBeCompleted(QmpError):
    """The job was cancelled, or its type does not complete on request."""

    text = "The active block job '{}' cannot be completed"


class NegativeSpeed(QmpError):
    """A speed is bytes per second, 0 meaning no limit."""

    text = "Parameter '{}' expects a non-negative value"


class CannotChange(QmpError):
    """The job type has no option that changes while it runs."""

    text = "Job type does not support change"


class ChangeNotImplemented(QmpError):
    """There is no way back from the copy mode."""

    text = "Change to copy mode '{}' is not implemented"


class IllegalStep(AssertionError):
    """A step that no row allows was taken by our own code; never the caller's fault."""
