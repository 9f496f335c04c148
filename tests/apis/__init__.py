"""The clients of the vendors, against real HTTP on loopback."""
