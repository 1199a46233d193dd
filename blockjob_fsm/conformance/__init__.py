"""What judges implementations against each other: the same commands, the same answers.

    hunt       random sessions, played until two plays differ; the session is shrunk
    ├── drawing    sessions as Hypothesis draws them
    ├── beside     one session, played to our jobs and to the real QEMU
    │   ├── ours       our live jobs as a subject that is driven by QMP commands
    │   │   ├── nodes      the block nodes that such commands speak of
    │   │   ├── arguments  their arguments, with the refusals of QEMU's parser
    │   │   └── drained        drained sections
    │   └── theirs     qemu-storage-daemon as a subject, on image files of its own
    │       └── daemon     one such process and its QMP connection
    └── walks      one session played to two subjects, and where they differ
    session    a session as a value and as a shell script
    coverage   how much of the lifecycle's rows sessions have shown
    replay     a recorded session of the real QEMU, played to a subject
    subject, canonical, left_out: what a subject is, what of its answers is compared, and what is
               not drawn, compared or ever seen, with the reasons

Imported by those who want it; `import blockjob_fsm` loads none of it. Hypothesis is needed by
drawing and hunt only.
"""
