"""The spantape pytest plugin."""
