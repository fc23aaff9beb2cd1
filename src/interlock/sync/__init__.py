"""The engine: observe, reconcile, deliver (see docs/concepts.md)."""
