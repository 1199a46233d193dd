"""The recorded sessions of the real QEMU 7.2, played to our live jobs and compared step by step."""

from pathlib import Path

import pytest

from blockjob_fsm.conformance.nodes import Unsupported
from blockjob_fsm.conformance.ours import Ours
from blockjob_fsm.conformance.replay import differences, read

TRACES = Path(__file__).resolve().parents[3] / "shared" / "traces"
#: every so many of the sessions that ask one verb in one status are played
SAMPLE = 6

#: sessions that are not ours to follow, and why
KNOWN = {
    "seq-commit-prepare-fails": "QEMU crashes",
    "seq-commit-prepare-fails-manual": "QEMU crashes",
}


def sessions() -> list[str]:
    """The names of the sessions to play: all of some families, every sixth of the verbs'."""
    families = ("seq", "txn", "quit")
    names = sorted(path.stem for path in TRACES.glob("matrix/*.jsonl"))
    floods = [name for name in names if "ignore" in name and name.endswith("always")]
    errors = [name for name in names if name.startswith("onerror") and name not in floods]
    verbs = [name for name in names if name.startswith("verb")]
    others = [name for name in names if name.split("-")[0] in families]
    return [*others, *errors, *floods[:2], *verbs[::SAMPLE]]


@pytest.mark.skipif(not TRACES.is_dir(), reason="no recorded sessions beside this checkout")
@pytest.mark.parametrize("name", sessions())
def test_our_jobs_do_as_qemu_did(name: str) -> None:
    if name in KNOWN:
        pytest.skip(KNOWN[name])
    subject = Ours()
    try:
        found = [str(d) for d in differences(read(TRACES / "matrix" / f"{name}.jsonl"), subject)]
    except Unsupported as missing:
        pytest.skip(f"not known to our subject: {missing}")
    finally:
        subject.close()
    assert found == []
