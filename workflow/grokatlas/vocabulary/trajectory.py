"""One measure of a run beside its test accuracy, and the run's first grok step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..records import MEASURES, NO_INDEX, View
from ..thresholds import FALLEN, GROK, SOLID

PHASES = ("before", "solid", "fallen")


@dataclass(frozen=True)
class Trajectory:
    """Steps int [n], a measure float [n] and the test accuracy float [n] there; `reach` is the last step of both.

    Steps at which the measure is not finite (a collapsed network may have no dimension) are left out.
    """

    steps: np.ndarray
    values: np.ndarray
    accuracy: np.ndarray
    grok: int | None
    reach: int

    def phase(self, name: str) -> np.ndarray:
        """Which points belong to a phase, bool [n]: before the first grok step, or solid or fallen from it on."""
        since = self.steps >= self.grok
        return {
            "before": ~since,
            "solid": since & (self.accuracy >= SOLID),
            "fallen": since & (self.accuracy < FALLEN),
        }[name]

    def at(self, step: int) -> float | None:
        """The value at exactly this step; None if there is none."""
        place = np.flatnonzero(self.steps == step)
        return float(self.values[place[0]]) if len(place) else None


def series_of(view: View, measure: str, split: str, index: int, layer: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of a measure; if it has indices (heads) and none is given, the mean over them or a layer's."""
    probe = MEASURES[measure]
    indices = view.record.indices(probe, measure)
    if index != NO_INDEX or NO_INDEX in indices or not indices:
        return view.series(probe, measure, split, index)
    if layer is not None:
        indices = [i for i in indices if i // int(view.record.columns["heads"]) == layer]
    found = [view.series(probe, measure, split, i) for i in indices]
    length = min((len(steps) for steps, _ in found), default=0)
    if not length:
        return np.empty(0, dtype=np.int64), np.empty(0)
    return found[0][0][:length], np.mean([values[:length] for _, values in found], axis=0)


def trajectory(
    view: View, measure: str, split: str = "test", index: int = NO_INDEX, layer: int | None = None
) -> Trajectory | None:
    """A measure beside the test accuracy at the view's cadence, as far as both go; None if either was not measured."""
    steps, values = series_of(view, measure, split, index, layer)
    evaluated, accuracy = view.series("evaluation", "accuracy", "test")
    length = min(len(steps), len(evaluated))
    if not length:
        return None
    steps, values, accuracy = steps[:length], values[:length], accuracy[:length]
    grokked = np.flatnonzero(accuracy >= GROK)
    grok, finite = int(steps[grokked[0]]) if len(grokked) else None, np.isfinite(values)
    return Trajectory(steps[finite], values[finite], accuracy[finite], grok, int(steps[-1]))


def grokked(view: View, measure: str, split: str = "test", layer: int | None = None) -> Trajectory | None:
    """The same for a run that grokked, else None: the question does not apply."""
    found = trajectory(view, measure, split, layer=layer)
    return found if found is not None and found.grok is not None else None
