"""Versions of code whose results last. The Snakefile puts them in `params`, so that a bump makes jobs due again."""

# Bump when a change alters what a run computes. Runs trained before are then refused, never silently retrained.
TRAINING_VERSION = 1
# Bump when a probe's numbers change or a probe is added. Snapshots are then probed again, nothing is retrained.
PROBE_VERSION = 1
