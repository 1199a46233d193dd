"""Checking the declaration: exploration, properties, the contract, mutants, and the report.

`run` is the door; the modules behind it each own one part. Nothing here is needed to run a job.
"""

from blockjob_fsm.check.report import Report, Row, Trace, Verdict
from blockjob_fsm.check.run import LIFECYCLES, mutants, run

__all__ = ["run", "LIFECYCLES", "mutants", "Report", "Row", "Trace", "Verdict"]
