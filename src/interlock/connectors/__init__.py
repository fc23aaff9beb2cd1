"""Connectors: one folder each, found by entry point; and what they are built from."""
