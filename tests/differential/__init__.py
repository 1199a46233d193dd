"""Our modern jobs beside the real QEMU, command by command."""
