"""The cases that the vectors of rerun bundles are made of."""
