"""The engine: turns, jobs, deliveries and real processes, under everything that can go wrong."""
