"""The declared lifecycles. Each module here owns one, as rows."""
