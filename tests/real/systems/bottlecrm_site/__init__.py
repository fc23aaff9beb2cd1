"""Code that runs inside the BottleCRM environment, never in the tests' own."""
