"""Twins: local HTTP servers that speak a vendor's API, for rehearsals, tests and demonstrations.

A twin is written from the vendor's documents and from what public clients expect, never from a
connector of ours: it imports nothing of ``interlock.connectors``.
"""
