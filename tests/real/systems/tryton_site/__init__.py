"""Code that runs inside the Tryton environment, never in the tests' own."""
