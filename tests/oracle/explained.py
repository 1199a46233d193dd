"""Where QEMU 7.2 does something else, row by row, each with its reason.

A difference without a row is a failure. A row is about one range of the result, or says that QEMU's
job fails; a test shows that each of them is still true.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle.chains import SECTOR, Case, Layer
from tests.oracle.tasks import Task, new_base

#: Start and end in bytes.
Range = tuple[int, int]


@dataclass(frozen=True)
class Explained:
    """A known difference.

    `where` says which bytes of the result are another's in QEMU's; None: the row is not about this
    job. With an `error` QEMU's job ends with it, and leaves nothing to compare.
    """

    reason: str
    where: Callable[[Task, Case], Range | None]
    error: str = ""


def cannot_grow(task: Task, case: Case) -> Range | None:
    """A base of version 2 must grow by clusters, and would show more of what lies below it."""
    base = new_base(task, case)
    if task.kind != "commit" or base is None or base.format_name == "raw" or base.version == 3:
        return None
    below = case.layers[case.layers.index(base) + 1 :]
    end_of_clusters = -(-base.length // base.cluster_bytes) * base.cluster_bytes
    grows_over = below and shown(below[0]) > base.length
    if not grows_over or case.layers[task.top].length <= end_of_clusters:
        return None
    return 0, case.top.length


def past_a_short_top(task: Task, case: Case) -> Range | None:
    """Top is shorter than the base and the overlay: without it the base shows past its end."""
    base = new_base(task, case)
    if task.kind != "commit" or base is None:
        return None
    overlay, top = case.layers[task.top - 1], case.layers[task.top]
    return from_to(shown(top), min(shown(base), shown(overlay)))


def past_a_short_image(task: Task, case: Case) -> Range | None:
    """The same of the image right below the top, when it is streamed onto a base further down."""
    base = new_base(task, case)
    if task.kind != "stream" or base is None or base is case.layers[1]:
        return None
    return from_to(shown(case.layers[1]), min(shown(base), shown(case.top)))


def from_to(start: int, end: int) -> Range | None:
    """The range, if there is one."""
    return (start, end) if start < end else None


def shown(layer: Layer) -> int:
    """A layer's length in whole sectors, as QEMU counts."""
    return -(-layer.length // SECTOR) * SECTOR


EXPLAINED = (
    Explained(
        "QEMU cannot grow a base of version 2 over a longer backing file, since that version has "
        "no zero clusters; here zeros are written",
        cannot_grow,
        error="Operation not supported",
    ),
    Explained(
        "after QEMU's commit the guest sees a longer base past the end of a short top",
        past_a_short_top,
    ),
    Explained(
        "after QEMU's stream the guest sees a longer base past the end of a short image",
        past_a_short_image,
    ),
)


def explanation(task: Task, case: Case) -> Explained | None:
    """The row of a job, if it has one."""
    return next((row for row in EXPLAINED if row.where(task, case)), None)
