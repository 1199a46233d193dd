"""The tests, a package so that they can share helpers; nothing is imported here."""
