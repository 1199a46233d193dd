"""`python -m blockjob_fsm.cli` is the `blockjob` command."""

import sys

from blockjob_fsm.cli import main

if __name__ == "__main__":
    sys.exit(main())
