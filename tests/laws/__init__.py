"""The laws of `models/laws`, confirmed by CrossHair over every path."""
