"""Signed rerun bundles: what a model was asked and what is expected of it, for anyone to check (rerun.json v0.1)."""
