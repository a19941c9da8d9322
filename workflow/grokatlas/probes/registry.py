"""The probes by name, as the config asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..errors import GrokatlasError
from ..extras import require_for_probes
from ..tasks import CosetSplit
from . import (
    accuracy,
    activations,
    attention,
    drift,
    local_pca,
    pca,
    ring,
    spectrum,
    strides,
    topology,
    twonn,
    weights,
)
from .base import PairProbe, Probe

STRIDES = "strides"
SINGLE_PROBES = {
    probe.name: probe
    for probe in (
        Probe("accuracy", accuracy.measure),
        Probe("weights", weights.measure),
        Probe("activations", activations.measure),
        Probe("pca", pca.measure),
        Probe("spectrum", spectrum.measure),
        Probe("ring", ring.measure),
        Probe("twonn", twonn.measure),
        Probe("local_pca", local_pca.measure),
        Probe("attention", attention.measure),
        Probe("topology", topology.measure),
        PairProbe("drift", drift.compare),
    )
}


def probes_for(names: Sequence[str], splits: Sequence[CosetSplit]) -> list[Probe | PairProbe]:
    """The probes named, in that order; "strides" becomes one probe strides_{split.name} for each split.

    Strides read the discrete logarithm, so they apply to multiplication only.
    Raises GrokatlasError on an unknown name, listing the known ones, and for a probe whose package is not installed.
    """
    require_for_probes(names)
    probes: list[Probe | PairProbe] = []
    for name in names:
        if name == STRIDES:
            probes += [
                Probe(f"{STRIDES}_{split.name}", partial(strides.measure, split=split), ("multiplication",))
                for split in splits
            ]
        elif name in SINGLE_PROBES:
            probes.append(SINGLE_PROBES[name])
        else:
            raise GrokatlasError(f"probe {name!r} is unknown: use some of {', '.join([*SINGLE_PROBES, STRIDES])}")
    return probes
