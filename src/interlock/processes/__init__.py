"""What the synced records mean: each process decides purely and emits writes."""
