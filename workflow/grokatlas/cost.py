"""What runs cost: parameters, floating-point operations and bytes, counted from shapes. No torch here."""

from __future__ import annotations

from .config import Plan, Settings
from .runs import Run

CORE_FLOPS = 6e10  # what the engine gets out of one CPU core, floating-point operations a second (`grokatlas bench`)


def parameters(run: Run) -> int:
    """Parameter count of the published architecture: 434,145 small, 3,234,145 large.

    Two embeddings and 2 positions, L layers of 12 d^2 + 13 d (attention 4 d^2 + 4 d, feed-forward 8 d^2 + 5 d, two
    norms 4 d), an output layer; source: docs/methods.md. A test holds it to the model's own layout.
    """
    d, k = run.width, run.bottleneck
    count = 2 * run.modulus * d + 2 * d + run.layers * (12 * d * d + 13 * d) + run.modulus * d + run.modulus
    return count + (2 * d * k + k + d if k else 0)


def step_flops(run: Run) -> float:
    """Floating-point operations of the engine's matrix products in a mean step: 3 passes, 2 a weight and row.

    Counted in docs/performance.md; the mean batch is shorter than batch_size, since the last of an epoch is.
    """
    d, layers, n_train = run.width, run.layers, run.task.n_train
    pairs = n_train / -(-n_train // run.batch_size)
    inputs = 2 * run.modulus * 3 * d * d  # queries, keys and values of the 2p distinct inputs
    blocks = (2 * layers - 1) * pairs * 9 * d * d  # out projection and feed-forward: 2 positions, 1 in the last layer
    queries = (2 * layers - 3) * pairs * d * d if layers > 1 else 0
    keys_values = (layers - 1) * pairs * 3 * d * d  # k0 - k1, v0 - v1 and v1
    return 6 * (inputs + blocks + queries + keys_values + pairs * run.modulus * d)


def core_hours(plan: Plan) -> float:
    """Hours of one CPU core for all steps of a run."""
    return plan.steps * step_flops(plan.run) / CORE_FLOPS / 3600


def disk_bytes(plan: Plan, settings: Settings) -> int:
    """Bytes on disk when done: a snapshot holds the weights, a checkpoint also two moments, 4 bytes each."""
    weights = 4 * parameters(plan.run)
    snapshots = len(plan.snapshots(0, plan.steps)) if settings.keep_snapshots == "all" else 0
    checkpoints = -(-plan.steps // settings.segment_steps) if settings.keep_checkpoints == "segments" else 1
    return weights * (snapshots + 3 * checkpoints)
