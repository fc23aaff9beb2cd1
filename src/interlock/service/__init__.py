"""Use cases: what the command line and the web pages call; nothing else calls down."""
