"""Who may change what: ownership map, boundary, and the merge. Pure: no clock, no I/O."""
