"""The real QEMU's sessions are legal, and corrupted copies of them are not."""

import json
from collections import Counter
from collections.abc import Iterator

from blockjob_fsm.trace import Finding, Verdict, check
from tests.trace.corrupting import Corruption, corruptions
from tests.trace.recordings import CRASHED, all_recordings, lines_of, sound_recordings

# Every so many recordings, and of their corrupted copies.
CORRUPTED_STEP, COPIES_STEP = 31, 5


def judged(lines: list[dict[str, object]]) -> Verdict:
    """The verdict on these lines."""
    return check(map(json.dumps, lines))


def rejects(found: Finding | None, copied: Corruption) -> bool:
    """Whether the copy is rejected where it must be, and for what."""
    if found is None or (found.line, found.what) != (copied.line, copied.what):
        return False
    return any(text in told for text in copied.because for told in found.because)


def copies() -> Iterator[tuple[str, Corruption, Verdict]]:
    """A sample of corrupted copies, with the verdict on each."""
    for path in sound_recordings(CORRUPTED_STEP):
        for copied in list(corruptions(lines_of(path)))[::COPIES_STEP]:
            yield path.name, copied, judged(copied.lines)


def test_what_qemu_did_is_legal() -> None:
    verdicts = {path.name: judged(lines_of(path)) for path in sound_recordings(1)}
    assert len(verdicts) > 1800
    assert [name for name, verdict in verdicts.items() if not verdict.accepted] == []


def test_where_qemu_crashed_only_its_end_is_at_fault() -> None:
    crashed = [path for path in all_recordings() if path.name in CRASHED]
    findings = [(judged(lines_of(path)).finding, len(lines_of(path))) for path in crashed]
    assert [found and (found.what, found.line) for found, _ in findings] == [
        ("end", last) for _, last in findings
    ]


def test_corrupted_copies_are_rejected_where_and_for_what_they_must_be() -> None:
    names: Counter[str] = Counter()
    wrong = []
    for name, copied, verdict in copies():
        found = verdict.finding
        names[copied.name] += 1
        if not rejects(found, copied):
            wrong.append((name, copied.name, copied.line, found))
    assert wrong == []
    assert sum(names.values()) >= 200
    assert len(names) == 14, names
