"""Geometry of points on rings: nearest neighbours, stride scores, spectra, and the stride a spectrum predicts.

Points come as [groups, n, width]: `groups` rings of `n` places each (one outer ring; one inner ring per coset).
"""

from __future__ import annotations

import numpy as np


def distances(points: np.ndarray) -> np.ndarray:
    """Euclidean distances between the places of each ring: float64 [groups, n, n]."""
    apart = points[:, :, None, :] - points[:, None, :, :]
    return np.sqrt(np.einsum("gijw,gijw->gij", apart, apart))


def nearest(apart: np.ndarray, count: int) -> np.ndarray:
    """Each place's `count` nearest other places: int64 [groups, n, count], from distances [groups, n, n].

    Of equally near places the one with the lower index counts as nearer (a collapsed network has equal centres).
    """
    others = apart.copy()
    places = np.arange(apart.shape[1])
    others[:, places, places] = np.inf
    return np.argsort(others, axis=2, kind="stable")[:, :, :count]


def stride_between(i: np.ndarray, j: np.ndarray, n: int) -> np.ndarray:
    """The stride 0..n//2 that leads from place i to place j on a ring of n, either way round."""
    apart = np.abs(i - j)
    return np.minimum(apart, n - apart)


def stride_counts(neighbours: np.ndarray) -> np.ndarray:
    """How many of the neighbours [groups, n, count] lie at each stride 1..n//2: int64 [n//2].

    Divided by their number these are the stride scores (docs/methods.md, "Measurements"); the scores sum to 1.
    """
    n = neighbours.shape[1]
    strides = stride_between(np.arange(n)[None, :, None], neighbours, n)
    return np.bincount(strides.ravel(), minlength=n // 2 + 1)[1:]


def chance_scores(n: int) -> np.ndarray:
    """Expected stride scores at random, exactly: float64 [n//2], 2/(n-1), but 1/(n-1) for s = n/2.

    They hold for any number of neighbours. Source: docs/methods.md, correction 3.
    """
    scores = np.full(n // 2, 2 / (n - 1))
    if n % 2 == 0:
        scores[-1] = 1 / (n - 1)
    return scores


def ring_classes(n: int) -> dict[int, np.ndarray]:
    """Strides 1..n//2 by gcd(s, n), all that survives a change of primitive root (docs/methods.md, correction 9)."""
    strides = np.arange(1, n // 2 + 1)
    common = np.gcd(strides, n)
    return {int(g): strides[common == g] for g in np.unique(common)}


def ring_power(points: np.ndarray) -> np.ndarray:
    """Power of the centred points at each ring frequency f = 0..n//2, averaged over rings: float64 [n//2 + 1].

    P_f = sum over the width of |X_f|^2 with X_f = (1/n) sum_t x_t exp(-2 pi i f t / n), the conjugate frequencies f and
    n - f summed. So the powers sum to the mean squared norm of the centred points; P_0 is 0.
    """
    n = points.shape[1]
    spectrum = np.fft.rfft(points - points.mean(axis=1, keepdims=True), axis=1) / n
    power = np.sum(spectrum.real**2 + spectrum.imag**2, axis=2).mean(axis=0)
    power[0] = 0.0  # centring removed it, up to rounding
    power[1 : (n + 1) // 2] *= 2  # every frequency but 0 and n/2 has a conjugate
    return power


def offset_distances(power: np.ndarray, n: int) -> np.ndarray:
    """Mean squared distance of places s apart, from the spectrum alone: float64 [n//2] for s = 1..n//2.

    D(s) = sum over f of P_f * 4 sin^2(pi f s / n), exactly. Source: docs/methods.md, correction 5.
    """
    f, s = np.arange(len(power)), np.arange(1, n // 2 + 1)
    return 4 * np.sin(np.pi * (np.outer(s, f) % n) / n) ** 2 @ power


def predicted_stride(offsets: np.ndarray) -> tuple[int, float]:
    """The stride of least D(s), the smaller one if equal, and its margin 1 - D(least) / D(runner-up), 0 to 1.

    The margin is NaN where there is no runner-up (n = 3) or where that one is 0 too (all points equal).
    """
    best = int(np.argmin(offsets))
    others = np.delete(offsets, best)
    second = others.min() if len(others) else 0.0
    return best + 1, float(1 - offsets[best] / second) if second > 0 else float("nan")
