"""Our jobs beside QEMU's own, on random chains of images."""
