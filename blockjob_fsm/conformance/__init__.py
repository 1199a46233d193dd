"""What judges implementations against each other: the same commands, the same answers.

replay     a recorded session of the real QEMU, played to a subject and compared step by step
ours       our live jobs as a subject that is driven by QMP commands
nodes      the block nodes that such commands speak of
canonical  what is compared, and what QEMU does not promise and is left out
"""
