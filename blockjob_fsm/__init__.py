"""The verified reference for QEMU block jobs."""
