"""The directory that stands on the PYTHONPATH of a launched program; it holds nothing but `sitecustomize`."""
