"""The training engine: many runs of one shape, stacked, on a CPU or a GPU."""
