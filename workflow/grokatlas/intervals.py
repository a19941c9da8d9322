"""The interval of a share."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

from .thresholds import CONFIDENCE


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson 95% interval of a share: 4 of 4 gives (0.51, 1), 3 of 3 (0.44, 1), 0 of 0 (0, 1).

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209.
    """
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
