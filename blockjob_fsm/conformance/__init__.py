"""What judges implementations against each other: the same commands, the same answers.

    beside     a random session, played to our jobs and to the real QEMU
    ├── walks      sessions drawn from a seed, compared and shrunk
    ├── ours       our live jobs as a subject that is driven by QMP commands
    │   ├── nodes      the block nodes that such commands speak of
    │   └── arguments  their arguments, with the refusals of QEMU's parser
    └── theirs     qemu-storage-daemon as a subject, on image files of its own
        └── daemon     one such process and its QMP connection
    replay     a recorded session of the real QEMU, played to a subject
    subject, canonical: what a subject is, and what of its answers is compared

Imported by those who want it; `import blockjob_fsm` loads none of it.
"""
