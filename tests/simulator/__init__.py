"""The simulator's page in a real browser, in front of a real bot."""
