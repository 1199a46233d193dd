"""The recorded sessions of the real QEMU 7.2, played to our live jobs and compared step by step."""

from pathlib import Path

import pytest

from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.replay import differences, read

TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"
#: every so many of the sessions that ask one verb in one status are played
SAMPLE = 6

_PARALLEL = "QEMU reads ahead in 16 requests at once, and meets the fault earlier"
#: sessions that we are known not to follow, and why
KNOWN = {
    "seq-commit-prepare-fails": "QEMU crashes",
    "settled-00010": _PARALLEL,
    "settled-00015": _PARALLEL,
    "settled-00031": _PARALLEL,
    "settled-00011": "which run the fault meets depends on the images' contents",
    "settled-00039": "two equal rules of blkdebug strike once in QEMU; nobody knows why",
}


def sessions() -> list[object]:
    """What to play: whole families, and every sixth of the sessions that ask one verb."""
    return [
        pytest.param(name, marks=pytest.mark.xfail(reason=KNOWN[name])) if name in KNOWN else name
        for name in names_to_play()
    ]


def names_to_play() -> list[str]:
    families = ("seq", "txn", "quit", "settled")
    names = sorted(path.stem for path in TRACES.glob("*/*.jsonl"))
    floods = [name for name in names if "ignore" in name and name.endswith("always")]
    errors = [name for name in names if name.startswith("onerror") and name not in floods]
    verbs = [name for name in names if name.startswith("verb")]
    others = [name for name in names if name.split("-")[0] in families]
    return [*others, *errors, *floods[:2], *verbs[::SAMPLE]]


@pytest.mark.skipif(not TRACES.is_dir(), reason="no recorded sessions beside this checkout")
@pytest.mark.parametrize("name", sessions())
def test_our_jobs_do_as_qemu_did(name: str) -> None:
    [path] = TRACES.glob(f"*/{name}.jsonl")
    subject = Ours()
    try:
        found = [str(difference) for difference in differences(read(path), subject)]
    except Unsupported as missing:
        pytest.skip(f"not known to our subject: {missing}")
    finally:
        subject.close()
    assert found == []
