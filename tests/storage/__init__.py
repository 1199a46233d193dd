"""Tests of the devices that jobs work on."""
