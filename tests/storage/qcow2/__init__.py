"""Tests of the qcow2 format; QEMU's own tools say what is right."""
