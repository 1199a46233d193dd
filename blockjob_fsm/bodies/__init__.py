"""What each kind of job does, as values: a body asks, and is told how it went.

A body is frozen. `next_request(control)` says what it wants next, `on_outcome(outcome, control)`
gives the body after the answer. It imports no clock, file or thread, so that a checker can copy it
in mid-operation and hand it every answer there is.
"""
