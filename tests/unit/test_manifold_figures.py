"""The second article's figures draw what was measured, and say what was not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from grokatlas.config import parse_config
from grokatlas.figures import draw, planes_name, plotter
from grokatlas.figures.activations import rank_correlation
from grokatlas.figures.animation import animate, frame_steps
from grokatlas.figures.arms import arms, falls, first_reach
from grokatlas.figures.attention import gap
from grokatlas.figures.bottleneck import widths
from grokatlas.figures.data import SMALL, Series, select
from grokatlas.figures.dimension import fall_interval
from grokatlas.figures.drift import around_grok
from grokatlas.figures.names import MANIFOLD_NAMES, manifold_names
from grokatlas.figures.planes import shown_steps
from grokatlas.figures.style import BLACK, VERMILLION
from grokatlas.figures.topology import chosen_steps
from grokatlas.records import View, read_records
from grokatlas.vocabulary import READOUTS
from matplotlib.figure import Figure
from PIL import Image
from synthetic import frame, series
from synthetic_manifold import arm_columns, manifold_metrics

RUN = "mul97-L2d128h4-wd1-s42"


@pytest.fixture(scope="module")
def metrics() -> pd.DataFrame:
    return manifold_metrics(seeds=(7, 42), bottlenecks=(8, 32))


def lines(figure: Figure) -> list[tuple[np.ndarray, np.ndarray]]:
    return [line.get_data() for axis in figure.axes for line in axis.get_lines()]


def words(figure: Figure) -> str:
    texts = [*figure.texts, *(text for axis in figure.axes for text in axis.texts)]
    return "\n".join(text.get_text() for text in texts)


def drawn(figure: Figure, metrics: pd.DataFrame, metric: str, **where: object) -> bool:
    """Whether some line of the figure has exactly these steps and numbers, picked without the code under test."""
    rows = metrics[(metrics.metric == metric) & metrics.bottleneck.isna()]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    rows = rows.sort_values("step")
    assert len(rows), "the test asks for rows that are not there"
    x, y = rows["step"].to_numpy(), rows["value"].to_numpy(float)
    return any(np.array_equal(a, x) and np.array_equal(np.asarray(b, float), y) for a, b in lines(figure))


def accuracy_run(*values: float, cadence: int = 1000) -> pd.DataFrame:
    steps = cadence * np.arange(1, len(values) + 1)
    return series(arm_columns("addition"), "evaluation", "accuracy", steps, values)


@pytest.mark.parametrize("name", MANIFOLD_NAMES)
def test_a_figure_is_written_as_png_and_svg_and_the_same_metrics_give_the_same_bytes(
    name: str, metrics: pd.DataFrame, tmp_path: Path
) -> None:
    png, svg = draw(name, metrics, tmp_path / "once")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and svg.read_text().rstrip().endswith("</svg>")
    again = draw(name, metrics.sample(frac=1, random_state=0), tmp_path / "again")
    assert [path.read_bytes() for path in again] == [png.read_bytes(), svg.read_bytes()]


@pytest.mark.parametrize("name", MANIFOLD_NAMES)
def test_without_runs_a_figure_says_missing_and_draws_no_number(name: str, metrics: pd.DataFrame) -> None:
    figure = plotter(name)(metrics.iloc[:0])
    assert "missing" in words(figure)
    assert not lines(figure)


@pytest.mark.parametrize("name", MANIFOLD_NAMES)
def test_an_operation_that_was_not_trained_is_called_missing_beside_the_other(name: str, metrics: pd.DataFrame) -> None:
    assert "No addition run" in words(plotter(name)(metrics[metrics.operation == "multiplication"]))


@pytest.mark.parametrize("name", ["dimension", "topology", "attention", "drift"])
def test_a_probe_that_was_not_taken_is_called_missing(name: str, metrics: pd.DataFrame) -> None:
    assert "missing" in words(plotter(name)(metrics[metrics.probe == "evaluation"]))


@pytest.mark.parametrize("operation", ["addition", "multiplication"])
def test_curves_of_every_seed_and_operation_are_the_measured_ones(operation: str, metrics: pd.DataFrame) -> None:
    figures = {name: plotter(name)(metrics) for name in ("dimension", "topology", "attention", "activations", "drift")}
    for seed in (42, 7):
        where = {"operation": operation, "init_seed": seed}
        for split in ("test", "train"):
            for metric in ("pca_dimension_95", "participation_ratio", "twonn_dimension", "local_pca_dimension"):
                assert drawn(figures["dimension"], metrics, metric, split=split, **where)
            assert drawn(figures["drift"], metrics, "accuracy", split=split, probe="evaluation", **where)
        assert drawn(figures["dimension"], metrics, "pca_dimension_99", split="test", **where)
        for metric in ("betti_0", "betti_1"):
            assert drawn(figures["topology"], metrics, metric, **where)
        assert drawn(figures["topology"], metrics, "class_persistence_1", index=2, **where)
        gaps = metrics.assign(value=np.log(2) - metrics.value)  # of these entropies every one is above 1e-9
        assert all(drawn(figures["attention"], gaps, "attention_entropy", index=i, **where) for i in range(8))
        assert all(drawn(figures["activations"], metrics, m, **where) for m in ("mean_norm", "std", "sparsity"))
        assert all(drawn(figures["drift"], metrics, m, **where) for m in ("cka_drift", "procrustes_drift"))


def test_bottlenecks_are_kept_apart_and_out_of_the_other_figures(metrics: pd.DataFrame) -> None:
    assert {k: [run.seed for run in runs] for k, runs in widths(metrics)["addition"].items()} == {
        8: ["42", "7"], 32: ["42", "7"], None: ["42", "7"],
    }  # fmt: skip
    assert [run.run for run in select(metrics, SMALL, 1.0)] == [RUN, "mul97-L2d128h4-wd1-s7"]


def test_the_bottleneck_figure_counts_seeds_that_grok_and_says_which_runs_were_short() -> None:
    steps = np.array([20_000, 40_000, 60_000])
    rows = [
        series({**arm_columns("addition", seed, 16)}, "evaluation", "accuracy", steps, values)
        for seed, values in ((1, (0.5, 0.95, 1)), (2, (0.1, 0.1, 1.0)), (3, (0.91, 0.99, 0.2)))
    ]
    figure = plotter("bottleneck")(frame(rows))
    assert "2/3" in words(figure)  # seed 2 gets there only after the published 50,000 steps
    assert any(np.array_equal(y, [40_000, 20_000]) for _, y in lines(figure))
    assert "ended before" not in words(figure)
    short = plotter("bottleneck")(frame([row[row.step <= 40_000] for row in rows]))
    assert "3 runs ended before" in words(short).replace("\n", " ")


def test_rows_of_one_width_line_up_where_the_operations_have_different_ones() -> None:
    steps, arms = np.array([500, 1000]), [("addition", 16), ("multiplication", 32), ("addition", None)]
    rows = [series(arm_columns(op, 1, k), "evaluation", "accuracy", steps, [0.1, 0.2]) for op, k in arms]
    maps = plotter("bottleneck")(frame(rows)).axes[4:6]
    assert [label.get_text() for label in maps[0].get_yticklabels()] == ["16", "32", "none"]  # shared by both
    places = [sorted(mesh.get_coordinates()[..., 1].mean() for mesh in axis.collections) for axis in maps]
    assert places == [pytest.approx([0, 2]), pytest.approx([1])]


def test_the_published_bottleneck_as_wide_as_the_model_stands_beside_none(metrics: pd.DataFrame) -> None:
    top = plotter("bottleneck")(metrics).axes[1]  # multiplication
    marks = {line.get_marker(): line.get_ydata()[0] for line in top.get_lines() if list(line.get_xdata()) == [1.75]}
    assert {marker: marks[marker] for marker in "oD"} == {"o": 7000, "D": 9500}  # table G4 at 0.9: none, k = 128


def test_first_reach_and_falls_by_hand() -> None:
    steps = 10 * np.arange(1, 8)
    found = Series(steps, np.array([0.1, 0.92, 0.4, 0.95, 0.6, 0.3, 1.0]), np.full(7, np.nan))
    assert (first_reach(found), first_reach(found, 0.95), first_reach(found, 1.1)) == (20, 40, None)
    assert falls(found) == [30]  # 0.95 -> 0.6 does not fall below 0.5, 0.6 -> 0.3 does not start at 0.9


def drifting(last_step: int = 20_000) -> pd.DataFrame:
    """Groks at 10,000; the drift is 0.4 within two probes of that, 0.1 elsewhere, and 0.9 early, before half of it."""
    steps = np.arange(500, last_step + 1, 500)
    values = np.where(np.abs(steps - 10_000) <= 1000, 0.4, np.where(steps < 5000, 0.9, 0.1))
    answers = series(arm_columns("addition"), "evaluation", "accuracy", steps, np.where(steps < 10_000, 0.1, 1.0))
    return frame([answers, series(arm_columns("addition"), "drift", "cka_drift", steps[1:], values[1:])])


def test_the_drift_around_the_grok_step_is_compared_as_in_the_tables() -> None:
    rows = drifting()
    (run,) = arms(rows)["addition"]
    ratio, usual, _ = around_grok(run, "cka_drift")
    table = READOUTS["drift_ratio"](View(read_records(rows)[0], 500, 20_000), measure="cka_drift", event="grok")
    assert (ratio, usual) == (table.value, 0.1) and ratio == pytest.approx(4)
    figure = plotter("drift")(rows)
    titles = [axis.get_title() for axis in figure.axes]
    assert "around the grok step x4 the median between events (0.1); most 0.9 at 1,000" in titles
    assert any(np.array_equal(x, [5000, 20_000]) and np.array_equal(y, [0.1, 0.1]) for x, y in lines(figure))


def test_a_drift_without_a_grok_step_is_compared_with_nothing() -> None:
    rows = drifting(last_step=9000)
    assert around_grok(arms(rows)["addition"][0], "cka_drift") is None
    assert any(axis.get_title().startswith("most 0.9") for axis in plotter("drift")(rows).axes)


def falling(values: np.ndarray) -> pd.DataFrame:
    steps = 500 * np.arange(1, len(values) + 1)
    answers = series(arm_columns("addition"), "evaluation", "accuracy", steps, np.where(steps < 10_000, 0.1, 1.0))
    return frame([answers, series(arm_columns("addition"), "twonn", "twonn_dimension", steps, values)])


def test_the_step_of_a_fall_is_shaded_and_a_steady_slope_has_none() -> None:
    at, noise = 500 * np.arange(1, 41), np.random.default_rng(0).uniform(0.97, 1.03, 40)
    sudden, steady = falling(noise * np.where(at < 6000, 80, 8)), falling(noise * np.exp(-at / 5000))
    assert fall_interval(arms(sudden)["addition"][0], "twonn_dimension") == (6000, 6000)
    assert fall_interval(arms(steady)["addition"][0], "twonn_dimension") is None
    shaded = [len(patch_spans(plotter("dimension")(rows))) for rows in (sudden, steady)]
    assert shaded == [1, 0] and patch_spans(plotter("dimension")(sudden)) == [(6000, 6000)]


def patch_spans(figure: Figure) -> list[tuple[float, float]]:
    return [(p.get_x(), p.get_x() + p.get_width()) for axis in figure.axes for p in axis.patches]


def test_a_head_that_attends_evenly_stays_on_the_logarithmic_axis() -> None:
    entropy = Series(np.array([10, 20, 30]), np.array([0.0, np.log(2) - 1e-4, np.log(2) + 1e-12]), np.full(3, np.nan))
    assert gap(entropy).values.tolist() == pytest.approx([np.log(2), 1e-4, 1e-9])


def test_diagrams_are_drawn_before_grok_at_grok_and_at_the_last_solid_step() -> None:
    births = series(arm_columns("addition"), "topology", "class_birth_1", 1000 * np.arange(1, 8), np.ones(7), index=1)
    for values, steps in (
        ((0.1, 0.1, 0.1, 0.92, 1.0, 1.0, 0.3), [2000, 4000, 6000]),
        ((0.1,) * 7, [1000, 7000]),
        ((0.95, *(0.5,) * 6), [1000]),
    ):
        (run,) = arms(frame([accuracy_run(*values), births]))["addition"]
        assert [step for _, step in chosen_steps(run)] == steps


def test_the_rank_correlation_by_hand() -> None:
    norm = series(arm_columns("addition"), "activations", "mean_norm", [1000, 2000, 3000, 9000], [1, 2, 5, 0])
    (run,) = arms(frame([accuracy_run(0.1, 0.9, 0.2), norm]))["addition"]
    found, count = rank_correlation(run, "mean_norm")
    assert (found, count) == (pytest.approx(0.5), 3)  # ranks 1 3 2 against 1 2 3


SWEEP = {"name": "s", "weight_decay": 1.0, "steps": 100, "evaluate_every": 50, "probe_every": 50}


@pytest.mark.parametrize(
    ("sweep", "probes", "names"),
    [
        ({}, ["accuracy"], []),
        ({}, ["activations", "pca"], ["dimension", "activations"]),
        ({"weight_decay": 2.0}, ["activations", "pca"], []),
        ({"model": "large"}, ["activations"], []),
        ({"bottleneck": 8}, ["activations"], ["bottleneck"]),
        ({"bottleneck": [8, None], "seed": [1, 2]}, ["accuracy"], ["bottleneck", "seeds"]),
        ({"operation": ["addition", "multiplication"]}, ["accuracy"], []),
    ],
)
def test_a_config_is_asked_only_for_figures_that_it_can_fill(sweep: dict, probes: list[str], names: list[str]) -> None:
    config = parse_config({"sweeps": [{**SWEEP, **sweep}], "probes": probes})
    assert manifold_names([plan.run for plan in config.plans.values()], probes) == names


def coordinates(steps: tuple[int, ...] = (1000, 2000)) -> pd.DataFrame:
    """Planes of a made-up run of 96 classes with 3 points each."""
    dice, place = np.random.default_rng(0), np.repeat(np.arange(96), 3)
    parts = []
    for step in steps:
        for method in ("umap", "pca"):
            x, y = dice.normal(size=(2, len(place)))
            parts.append(
                pd.DataFrame({"run": RUN, "step": step, "method": method, "a": place + 1, "b": np.tile([1, 2, 3], 96),
                              "label": (place * 7) % 97, "logarithm": place, "coset": place % 12, "x": x, "y": y})
            )  # fmt: skip
    return pd.concat(parts)


def plane_metrics(purity: tuple[float, ...] = (0.3, 0.5, 0.4)) -> pd.DataFrame:
    """Right at step 1,000 and lost at 2,000; purity on the plane by UMAP seed, raw 0.25, at step 1,000 alone."""
    own = arm_columns("multiplication")
    return frame(
        [
            series(own, "evaluation", "accuracy", [1000, 2000], [0.97, 0.04]),
            *(series(own, "plane", "plane_coset_purity", [1000], [x], index=i) for i, x in enumerate(purity)),
            series(own, "plane", "raw_coset_purity", [1000], [0.25], index=0),
            *(series(own, "plane", "plane_adjacency", [1000], [x / 10], index=i) for i, x in enumerate(purity)),
            *(series(own, "ring", "ring_stride", [1000], [x], index=i) for i, x in ((1, 0.75), (2, 0.5))),
        ]
    )


def test_planes_show_each_step_in_umap_and_pca_by_residue_logarithm_and_coset(tmp_path: Path) -> None:
    rows, metrics = coordinates(), plane_metrics()
    figure = plotter(planes_name(RUN))(metrics, rows)
    clouds = [np.asarray(axis.collections[0].get_offsets()) for axis in figure.axes]
    assert len(clouds) == 2 * 2 * 3
    wanted = rows[(rows.step == 2000) & (rows.method == "pca")][["x", "y"]].to_numpy()
    assert any(np.allclose(np.sort(cloud, axis=0), np.sort(wanted, axis=0)) for cloud in clouds)
    addition = rows.assign(label=rows.logarithm, coset=np.nan)
    assert len(plotter(planes_name(RUN))(metrics, addition).axes) == 2 * 2
    assert "missing" in words(plotter(planes_name("other"))(metrics, rows))
    name = planes_name(RUN)
    once = [path.read_bytes() for path in draw(name, metrics, tmp_path / "once", rows)]
    shuffled, again = (table.sample(frac=1, random_state=0) for table in (rows, metrics))
    assert [path.read_bytes() for path in draw(name, again, tmp_path / "again", shuffled)] == once


def column_titles(figure: Figure) -> list[tuple[str, str]]:
    return [(axis.get_title(), axis.title.get_color()) for axis in figure.axes if axis.get_title()]


def test_a_column_of_planes_says_its_accuracy_and_its_numbers_and_is_red_where_the_answers_are_lost() -> None:
    assert column_titles(plotter(planes_name(RUN))(plane_metrics(), coordinates())) == [
        ("step 1,000: accuracy 0.97\ncoset purity 0.40 (0.30 to 0.50)\nraw 0.25", BLACK),
        ("step 2,000: accuracy 0.04\ncoset purity missing\nraw missing", VERMILLION),
    ]
    addition = coordinates(steps=(1000, 1500)).assign(label=lambda rows: rows.logarithm, coset=np.nan)
    assert column_titles(plotter(planes_name(RUN))(plane_metrics(), addition)) == [
        ("step 1,000: accuracy 0.97\nadjacency 0.04 (0.03 to 0.05)\nraw 0.75", BLACK),
        ("step 1,500: not evaluated\nadjacency missing\nraw missing", BLACK),
    ]


def test_a_collapsed_network_is_said_to_be_one() -> None:
    figure = plotter(planes_name(RUN))(plane_metrics((np.nan,) * 3), coordinates().assign(x=0.0, y=0.0))
    assert words(figure).count("collapsed") == 12
    assert "coset purity none: collapsed" in column_titles(figure)[0][0]


def test_many_steps_are_thinned_to_the_first_the_last_and_some_between() -> None:
    assert shown_steps(np.arange(1, 10)) == [1, 3, 5, 7, 9]
    assert shown_steps(np.array([5, 6])) == [5, 6]
    assert len(frame_steps(np.arange(1000))) == 120 and frame_steps(np.arange(1000))[-1] == 999


def class_means(steps: int = 3) -> pd.DataFrame:
    place = np.arange(96)
    parts = [
        pd.DataFrame({"run": RUN, "step": 500 * (i + 1), "test_accuracy": i / steps, "plane_share": 0.5, "label": place,
                      "logarithm": place, "coset": place % 12, "x": np.cos(place + i), "y": np.sin(place + i)})
        for i in range(steps)
    ]  # fmt: skip
    return pd.concat(parts)


def test_the_animation_has_a_frame_a_step_and_the_same_means_give_the_same_bytes(tmp_path: Path) -> None:
    animate(class_means(), RUN, tmp_path / "once.gif")
    animate(class_means().sample(frac=1, random_state=0), RUN, tmp_path / "again.gif")
    once = (tmp_path / "once.gif").read_bytes()
    assert once == (tmp_path / "again.gif").read_bytes()
    film = Image.open(io.BytesIO(once))
    assert film.n_frames == 3 and film.info["loop"] == 0


def test_a_run_without_a_snapshot_gets_one_frame(tmp_path: Path) -> None:
    animate(class_means(), "other", tmp_path / "other.gif")
    assert Image.open(tmp_path / "other.gif").n_frames == 1
