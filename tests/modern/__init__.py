"""The modern lifecycle: its rows, jobs as values, and live ones."""
