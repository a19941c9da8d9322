"""What the figures draw is what the metrics say, and what was not measured is said to be missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from grokatlas.errors import GrokatlasError
from grokatlas.figures import draw, figure_names, plotter
from grokatlas.figures.adjacency import chosen_steps
from grokatlas.figures.clock import rings
from grokatlas.figures.data import SMALL, Series, select
from grokatlas.figures.long_run import window_shares
from grokatlas.figures.phase import answer_states, ring_states, spans
from grokatlas.metrics import HERE, read_metrics, write_metrics
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from synthetic import STRIDES, frame, run_columns, series, synthetic_metrics

WEIGHT_DECAYS = (1.0, 2.0)


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Two weight decays, two seeds, small model only; through Parquet, since that is what figures are drawn from."""
    rows = synthetic_metrics(WEIGHT_DECAYS, seeds=(7, 42), last_step=12_000, probe_cadence=2_000)
    path = tmp_path_factory.mktemp("metrics") / "metrics.parquet"
    write_metrics(rows.astype(object).where(rows.notna(), None).to_dict("records"), path)
    return read_metrics([path])


def measured(
    metrics: pd.DataFrame, metric: str, seed: int = 42, weight_decay: float = 2.0, **where: object
) -> pd.DataFrame:
    """Rows of one metric, picked without the code under test."""
    found = metrics[(metrics.metric == metric) & (metrics.init_seed == seed) & (metrics.weight_decay == weight_decay)]
    for column, value in where.items():
        found = found[found[column] == value]
    return found.sort_values("step")


def lines(figure: Figure) -> list[tuple[np.ndarray, np.ndarray]]:
    return [line.get_data() for axis in figure.axes for line in axis.get_lines()]


def drawn(figure: Figure, rows: pd.DataFrame, column: str = "value") -> bool:
    """Whether some line of the figure has exactly these steps and numbers."""
    steps, values = rows["step"].to_numpy(), rows[column].to_numpy(float)
    assert len(rows), "the test asks for rows that are not there"
    return any(np.array_equal(x, steps) and np.array_equal(np.asarray(y, float), values) for x, y in lines(figure))


def words(figure: Figure) -> str:
    texts = [*figure.texts, *(text for axis in figure.axes for text in axis.texts)]
    return "\n".join(text.get_text() for text in texts)


def test_names_are_known_before_any_data_and_hold_each_weight_decay_once() -> None:
    assert figure_names([2, 1.5, 2.0]) == [
        "clock", "timeline_wd1.5", "timeline_wd2.0", "phase", "adjacency", "spectrum", "sizes", "long_run",
    ]  # fmt: skip


def test_naming_figures_loads_neither_matplotlib_nor_pandas() -> None:
    code = "import sys, grokatlas.figures.names; print({'matplotlib', 'pandas'} & set(sys.modules))"
    library = Path(__file__).parents[2] / "workflow"
    done = subprocess.run([sys.executable, "-c", code], cwd=library, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["umap", "timeline_wdhigh"])
def test_an_unknown_figure_is_refused_by_name(name: str, metrics: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(GrokatlasError, match=name):
        draw(name, metrics, tmp_path)


@pytest.mark.parametrize("name", figure_names([2.0]))
def test_every_declared_figure_is_written_as_png_and_svg(name: str, metrics: pd.DataFrame, tmp_path: Path) -> None:
    png, svg = draw(name, metrics, tmp_path)
    assert (png, svg) == (tmp_path / f"{name}.png", tmp_path / f"{name}.svg")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert svg.read_text().rstrip().endswith("</svg>")
    assert "<dc:date>" not in svg.read_text()
    assert sorted(tmp_path.iterdir()) == sorted([png, svg])


def test_a_figure_says_how_many_of_its_runs_were_not_trained_here(metrics: pd.DataFrame, tmp_path: Path) -> None:
    taken = metrics.assign(origin=np.where(metrics.init_seed == 7, "nested", HERE))
    said = [draw("seeds", rows, tmp_path)[1].read_text() for rows in (taken, taken.assign(origin=HERE), metrics)]
    note = "of 4 runs 2 trained here, 2 from resources/evidence"
    assert [note in svg for svg in said] == [True, False, False]


@pytest.mark.parametrize("name", ["timeline_wd2.0", "spectrum"])
def test_the_same_metrics_give_the_same_bytes(name: str, metrics: pd.DataFrame, tmp_path: Path) -> None:
    once = [path.read_bytes() for path in draw(name, metrics, tmp_path / "once")]
    shuffled = metrics.sample(frac=1, random_state=0)
    assert [path.read_bytes() for path in draw(name, shuffled, tmp_path / "again")] == once


@pytest.mark.parametrize("name", [name for name in figure_names([2.0]) if name != "clock"])
def test_without_runs_a_figure_says_missing_and_draws_no_number(name: str, metrics: pd.DataFrame) -> None:
    figure = plotter(name)(metrics.iloc[:0])
    assert "missing" in words(figure)
    # Horizontal and vertical threshold lines stay allowed; data would have more than two points.
    assert all(len(np.atleast_1d(x)) <= 2 for x, _ in lines(figure))


def test_runs_of_another_setting_are_not_mixed_in(metrics: pd.DataFrame) -> None:
    other = metrics.assign(run=metrics.run + "-other", learning_rate=3e-4)
    assert [run.seed for run in select(pd.concat([metrics, other]), SMALL, 2.0)] == ["42", "7"]


@pytest.mark.parametrize("seed", [42, 7])
def test_the_timeline_draws_every_measured_series_of_every_seed(seed: int, metrics: pd.DataFrame) -> None:
    figure = plotter("timeline_wd2.0")(metrics)
    for split in ("train", "test"):
        assert drawn(figure, measured(metrics, "accuracy", seed, probe="evaluation", split=split))
    for side, count in (("outer", 6), ("inner", 4)):
        for stride in range(1, count + 1):
            assert drawn(figure, measured(metrics, f"{side}_stride", seed, index=stride))
    for metric in ("variance_share_cosets", "variance_share_labels", "pca_dimension_95", "pca_dimension_99"):
        assert drawn(figure, measured(metrics, metric, seed))


def test_the_timeline_draws_the_exact_baselines(metrics: pd.DataFrame) -> None:
    figure = plotter("timeline_wd2.0")(metrics)
    for side, stride, exact in (("outer", 1, 2 / 11), ("outer", 6, 1 / 11), ("inner", 3, 2 / 7), ("inner", 4, 1 / 7)):
        rows = measured(metrics, f"{side}_stride", index=stride)
        assert np.allclose(rows["baseline"], exact)
        assert drawn(figure, rows, "baseline")


def stride_panel(scores: list[float], cadence: int = 10_000) -> Figure:
    """The timeline of one run that has only outer stride 2, one score a probe."""
    steps = cadence * np.arange(1, len(scores) + 1)
    rows = series(run_columns(2.0), STRIDES, "outer_stride", steps, scores, index=2, baseline=2 / 11)
    return plotter("timeline_wd2.0")(frame([rows]))


def test_the_timeline_shades_a_lock_from_its_first_to_its_last_probe_and_marks_the_collapse() -> None:
    panel = stride_panel([0.2, 1.0, 0.9, 1.0, 0.6, 0.4, 0.1]).axes[2]
    (shade,) = panel.patches
    assert (shade.get_x(), shade.get_x() + shade.get_width()) == (20_000, 40_000)
    assert "collapse 60,000" in [text.get_text() for text in panel.texts]


def test_a_flash_is_not_shaded_and_an_unfinished_stretch_is_hatched() -> None:
    assert not stride_panel([0.2, 1.0, 0.2, 0.1]).axes[2].patches
    (hatched,) = stride_panel([0.2, 0.1, 1.0, 1.0]).axes[2].patches
    assert hatched.get_hatch()


def test_a_stride_that_was_not_probed_is_called_missing() -> None:
    assert "missing" in [text.get_text() for text in stride_panel([0.2, 0.3]).axes[1].texts]


def test_states_of_answers_by_hand() -> None:
    states = answer_states(np.array([0.1, 0.89, 0.9, 0.99, 0.3, 1.0]))
    assert states == ["before", "before", "grokked", "solid", "lost", "solid"]


def test_states_of_rings_by_hand_with_a_diverged_step() -> None:
    scores = pd.DataFrame({1: [0.95, 0.2, np.nan], 2: [1.0, 0.8, np.nan]}, index=[10, 20, 30])
    assert ring_states(scores, 0.9) == [2, None, None]


def test_a_state_holds_until_the_next_measurement_at_any_cadence() -> None:
    assert spans(np.array([10, 20, 40]), ["a", "a", "b"]) == [(10.0, 40.0, "a"), (40.0, 55.0, "b")]


def test_the_phase_map_has_a_row_for_every_small_run(metrics: pd.DataFrame) -> None:
    labels = [label.get_text() for label in plotter("phase")(metrics).axes[0].get_yticklabels()]
    assert labels == ["wd 1.0   seed 42", "seed 7", "wd 2.0   seed 42", "seed 7"]


def test_adjacency_shows_the_measured_matrices(metrics: pd.DataFrame) -> None:
    # Every cell its own number, so that a turned matrix would show.
    pairs = metrics["metric"].str.endswith("pair_adjacency")
    metrics = metrics.assign(value=metrics["value"].where(~pairs, metrics["index"] / 144 + metrics["step"] / 1e6))
    figure = plotter("adjacency")(metrics)
    images = [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]
    steps = chosen_steps(np.arange(2_000, 12_001, 2_000))
    assert len(images) == 2 * len(steps)
    for line, (side, size) in enumerate((("outer", 12), ("inner", 8))):
        for column, step in enumerate(steps):
            rows = measured(metrics, f"{side}_pair_adjacency", step=step).sort_values("index")
            image = images[line * len(steps) + column]
            places = rows["index"].to_numpy(int)
            assert np.array_equal(image[places // size, places % size], rows["value"].to_numpy())


def test_adjacency_steps_are_the_published_ones_or_spread_to_the_last() -> None:
    assert chosen_steps(np.arange(10_000, 1_000_001, 10_000)) == [20_000, 100_000, 140_000, 400_000, 1_000_000]
    assert chosen_steps(np.arange(1_000, 20_001, 1_000))[-1] == 20_000
    assert chosen_steps(np.array([500, 1_000])) == [500, 1_000]


def test_the_spectrum_heat_map_holds_the_power_shares(metrics: pd.DataFrame) -> None:
    figure = plotter("spectrum")(metrics)
    mesh = next(part for axis in figure.axes for part in axis.collections if isinstance(part, QuadMesh))
    rows = measured(metrics, "power_share").sort_values(["index", "step"])
    assert np.array_equal(np.asarray(mesh.get_array()).ravel(), rows["value"].to_numpy())


def test_predicted_and_measured_strides_are_drawn_and_their_agreement_counted(metrics: pd.DataFrame) -> None:
    figure = plotter("spectrum")(metrics)
    predicted = measured(metrics, "outer_predicted_stride")
    best = measured(metrics, "outer_stride_max")
    assert drawn(figure, predicted)
    assert drawn(figure, best[best["value"] >= 0.9], "index") and drawn(figure, best[best["value"] < 0.9], "index")
    agreement = np.mean(predicted["value"].to_numpy() == best["index"].to_numpy())
    assert f"{agreement:.0%}" in figure.axes[1].get_title(loc="left") + figure.axes[1].get_title()


def test_small_and_large_stand_side_by_side_and_an_untrained_size_is_missing(metrics: pd.DataFrame) -> None:
    alone = plotter("sizes")(metrics)
    assert drawn(alone, measured(metrics, "outer_stride_max"))
    assert "No large-model run at weight decay 2.0 in these metrics: missing" in words(alone)
    large = synthetic_metrics((2.0,), last_step=6_000, probe_cadence=2_000, layers=4, width=256, heads=8)
    both = plotter("sizes")(pd.concat([metrics, large]))
    assert drawn(both, measured(large, "inner_stride_max")) and "missing" not in words(both)


def test_the_long_run_is_drawn_whole_with_its_change_of_level() -> None:
    steps = np.arange(50_000, 5_000_001, 50_000)
    accuracy = np.where(steps < 3_700_000, 1.0, 0.95)
    rows = series(run_columns(2.0), "evaluation", "accuracy", steps, accuracy)
    figure = plotter("long_run")(frame([rows]))
    assert drawn(figure, rows)
    assert "change point at step 3,700,000" in words(figure).replace("\n", " ")
    assert "of 5,000,000 steps" not in words(figure)


def test_window_shares_by_hand() -> None:
    found = Series(np.arange(1, 9), np.array([1, 1, 0.5, 1, 0, 0, 0, 1.0]), np.full(8, np.nan))
    edges, shares = window_shares(found, 0.99)
    assert edges.tolist() == [0, 4, 8] and shares.tolist() == [0.75, 0.25]


def test_rings_of_a_stride_on_the_clock() -> None:
    assert rings(2) == [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9, 11]]
    assert rings(5) == [[0, 5, 10, 3, 8, 1, 6, 11, 4, 9, 2, 7]]
    assert [len(rings(s)) for s in range(1, 7)] == [1, 2, 3, 4, 1, 6]


def test_speed_figure_shows_the_benchmarks_numbers():
    from grokatlas.figures.speed import plot_speed

    base = {"model": "small", "device_name": "2 CPU threads", "dtype": "float32", "baseline_model_steps_per_s": 25.0}
    results = [
        {**base, "runs": 1, "engine_model_steps_per_s": 45.0},
        {**base, "runs": 2, "engine_model_steps_per_s": 88.0},
    ]
    engine, plain = plot_speed(results).axes[0].lines
    assert (list(engine.get_xdata()), list(engine.get_ydata())) == ([1, 2], [45.0, 88.0])
    assert list(plain.get_ydata()) == [25.0, 25.0]
