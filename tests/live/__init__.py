"""Live jobs: on real threads, and on none with the clock moved by hand."""
