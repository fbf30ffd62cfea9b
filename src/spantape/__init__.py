"""Production traces that replay."""
