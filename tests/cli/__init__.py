"""The `blockjob` command, in this process and as one of its own."""
