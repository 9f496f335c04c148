"""The benchmark: the real processes, measured beside their peers in one run. `make bench`; docs/performance.md."""
