"""The tape file: write, read, seal, fingerprint, diff."""
