"""What tests of backups share: one that is held in the middle by the limiter.

No claim is made here.
"""

from blockjob_fsm.block_job import BlockJob
from blockjob_fsm.jobs import backup
from blockjob_fsm.lifecycles.classic_words import Phase
from blockjob_fsm.storage import BlockDevice, Drive
from tests.live.world import Bench, Notes

KIB64 = 65536
#: Slow enough that a slice of the limiter has room for one chunk.
CHUNK_A_SLICE = 10 * KIB64


def limited(bench: Bench, drive: Drive, target: BlockDevice, notes: Notes) -> BlockJob:
    """A backup that has saved its first chunks and sleeps for the limiter."""
    options = notes.options(speed=CHUNK_A_SLICE)
    job = backup(drive, target, executor=bench.executor, **options)
    bench.settle()
    assert (job.phase, job.offset) == (Phase.ASLEEP, 2 * KIB64)
    return job
