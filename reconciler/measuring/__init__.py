"""Makes measurements."""
