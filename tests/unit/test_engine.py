"""The engine computes what the plain PyTorch loop computes."""

import itertools

import numpy as np
import pytest
import torch
from grokatlas.model import ModelShape, initial_parameters, layout, parameter_count, unflatten
from grokatlas.tasks import Task
from grokatlas.training.batches import EPOCHS_PER_DRAW, BatchOrder
from grokatlas.training.evaluation import Evaluator
from grokatlas.training.lane import Lane, Recipe, RunState
from grokatlas.training.ops import Workspace, one_hot, scatter_rows
from grokatlas.training.tape import run as do
from plain_loop import PlainTransformer, multiplication_data, train

SMALL = ModelShape()
THREE = [(42, 1e-3, 1.0), (7, 3e-3, 2.0), (9, 5e-4, 0.0)]  # seed, learning rate, weight decay


def make_lane(shape, specs, dtype=torch.float32):
    recipes = [Recipe(Task(split_seed=seed), lr, decay, seed, 512) for seed, lr, decay in specs]
    states = [RunState.fresh(initial_parameters(shape, seed)) for seed, _, _ in specs]
    return Lane(shape, recipes, states, dtype=dtype)


def plain(shape, seed, lr, decay, steps, dtype):
    """Losses of the plain loop, and its model afterwards."""
    data, _ = multiplication_data(97, seed)
    torch.manual_seed(seed)
    model = PlainTransformer(97, shape.width, shape.heads, shape.layers, shape.bottleneck).to(dtype)
    losses = list(itertools.islice(train(model, data, lr, decay), steps))
    return torch.tensor(losses, dtype=torch.float64), model


def logits(lane, run):
    return torch.from_numpy(
        Evaluator(lane.shape, [lane.recipes[run].task], lane.parameters[run][None]).arrays()[0][1]["test"]
    )


def plain_logits(model, seed):
    _, test = multiplication_data(97, seed)
    with torch.no_grad():
        return model(*test.tensors[:2])


def test_parameter_counts_are_the_published_ones():
    assert parameter_count(SMALL) == 434_145
    assert parameter_count(ModelShape(97, 4, 256, 8)) == 3_234_145


@pytest.mark.parametrize("shape", [SMALL, ModelShape(97, 4, 64, 2, 16)], ids=["small", "deep-bottleneck"])
def test_initial_weights_are_those_of_the_plain_model(shape):
    torch.manual_seed(42)
    model = PlainTransformer(97, shape.width, shape.heads, shape.layers, shape.bottleneck)
    ours = unflatten(initial_parameters(shape, 42), shape)
    theirs = model.state_dict()
    assert set(ours) == set(theirs) == set(layout(shape))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_batch_order_is_that_of_the_data_loader_at_any_epoch():
    data, _ = multiplication_data(97, 3)
    torch.manual_seed(3)
    PlainTransformer(97, 128, 4, 2)
    loader = torch.utils.data.DataLoader(torch.arange(len(data)), batch_size=512, shuffle=True)
    seen = [torch.cat(list(loader)) for _ in range(4)]
    order = BatchOrder(SMALL, 3, len(data))
    assert all(torch.equal(order.epoch(i), seen[i]) for i in (0, 3, 1, 2))
    far = EPOCHS_PER_DRAW + 2
    again = BatchOrder(SMALL, 3, len(data))
    [again.epoch(i) for i in range(far)]
    assert torch.equal(order.epoch(far), again.epoch(far))


def test_three_different_runs_stacked_equal_three_plain_loops_in_float64():
    lane = make_lane(SMALL, THREE, torch.float64)
    losses = lane.advance(100)
    for run, (seed, lr, decay) in enumerate(THREE):
        expected, model = plain(SMALL, seed, lr, decay, 100, torch.float64)
        assert (losses[:, run] - expected).abs().max() < 1e-12
        assert (logits(lane, run) - plain_logits(model, seed)).abs().max() < 1e-9


def test_three_different_runs_stacked_equal_three_plain_loops_in_float32():
    # At lr 1e-3 the plain loop in float32 is itself 5e-4 from its float64 self after 100 steps, since Adam amplifies
    # rounding. So 1e-4 is asked for at learning rates where rounding allows it, and of the logits, which move more
    # than the loss, that they be as near to the plain loop's as float32 brings the plain loop to itself: over the three
    # runs together, since how far rounding grows in one is a matter of luck (and of the plain loop's threads).
    specs = [(1, 3e-4, 1.0), (2, 2e-4, 2.0), (9, 1e-4, 0.0)]
    lane, exact = make_lane(SMALL, specs), make_lane(SMALL, specs, torch.float64)
    losses = lane.advance(100)
    exact.advance(100)
    apart, own = [], []
    for run, (seed, lr, decay) in enumerate(specs):
        expected, model = plain(SMALL, seed, lr, decay, 100, torch.float32)
        assert (losses[:, run].double() - expected).abs().max() < 1e-4
        theirs, ours, truth = plain_logits(model, seed), logits(lane, run), logits(exact, run)
        apart.append((ours - theirs).abs().mean().item())
        own.append((theirs - truth).abs().mean().item())
    assert sum(apart) < 3 * sum(own) < 3e-2, (apart, own)


def test_float32_error_is_no_larger_than_the_plain_loops_own():
    spec = THREE[0]
    exact = make_lane(SMALL, [spec], torch.float64).advance(100)[:, 0]
    ours = (make_lane(SMALL, [spec]).advance(100)[:, 0].double() - exact).abs().max()
    theirs = (plain(SMALL, *spec, 100, torch.float32)[0] - exact).abs().max()
    assert ours < 3 * theirs


@pytest.mark.parametrize(
    "shape", [ModelShape(97, 1, 32, 2), ModelShape(97, 4, 64, 8, 16)], ids=["one-layer", "four-layers-bottleneck"]
)
def test_other_depths_and_bottlenecks_in_float64(shape):
    losses = make_lane(shape, THREE[:1], torch.float64).advance(15)[:, 0]
    assert (losses - plain(shape, *THREE[0], 15, torch.float64)[0]).abs().max() < 1e-12


@pytest.mark.parametrize(
    "shape", [ModelShape(97, 1, 32, 2), ModelShape(97, 3, 32, 2, 8)], ids=["one-layer", "three-layers-bottleneck"]
)
def test_other_shapes_stacked_as_on_a_gpu_agree_with_runs_alone(shape):
    stacked = make_lane(shape, THREE, torch.float64).advance(9)
    alone = [make_lane(shape, [spec], torch.float64).advance(9)[:, 0] for spec in THREE]
    assert (stacked - torch.stack(alone, 1)).abs().max() < 1e-12


@pytest.mark.parametrize("specs", [THREE[:1], THREE], ids=["one-run", "stack"])
def test_a_replayed_step_is_the_step_recorded_anew_bit_for_bit(specs):
    shape = ModelShape(97, 2, 32, 2)
    replayed, anew = make_lane(shape, specs), make_lane(shape, specs)
    first = replayed.advance(15)
    second = torch.cat([_recorded_anew(anew) for _ in range(15)])
    assert torch.equal(first, second) and torch.equal(replayed.parameters, anew.parameters)


def _recorded_anew(lane):
    lane._tapes.clear()
    return lane.advance(1)


def test_a_run_alone_and_in_a_stack_agree():
    alone = make_lane(SMALL, THREE[1:2], torch.float64).advance(20)[:, 0]
    stacked = make_lane(SMALL, THREE, torch.float64).advance(20)[:, 1]
    assert (alone - stacked).abs().max() < 1e-12


def test_stopping_and_going_on_changes_no_bit():
    straight, broken = make_lane(SMALL, THREE[:1]), make_lane(SMALL, THREE[:1])
    straight.advance(21)
    broken.advance(8)
    state = broken.state(0)
    resumed = Lane(SMALL, broken.recipes, [state])
    resumed.advance(13)
    for part in ("parameters", "first_moment", "second_moment"):
        assert torch.equal(getattr(straight.state(0), part), getattr(resumed.state(0), part))


def test_the_one_hot_product_of_a_gpu_scatters_what_additions_scatter_on_a_cpu():
    values, table_rows, buffers = torch.randn(3, 7, 4), torch.randint(0, 5, (3, 7)), Workspace(torch.empty(0))
    rows = (table_rows + 5 * torch.arange(3)[:, None]).view(-1)
    by_addition = scatter_rows(do, buffers, "added", values, rows, 5)
    assert torch.allclose(one_hot(do, buffers, rows.view(3, 7), 5) @ values, by_addition, atol=1e-6)
    assert by_addition[1, table_rows[1, 0]].ne(0).any()


def test_scores_are_those_of_the_plain_model():
    lane = make_lane(SMALL, THREE[:1])
    _, test = multiplication_data(97, 42)
    torch.manual_seed(42)
    model = PlainTransformer(97, 128, 4, 2)
    a, b, label = test.tensors
    with torch.no_grad():
        out = model(a, b)
    scores = Evaluator(SMALL, [lane.recipes[0].task], lane.parameters).scores()[0]
    assert scores["test_accuracy"] == pytest.approx((out.argmax(-1) == label).double().mean().item(), abs=1e-12)
    assert scores["test_loss"] == pytest.approx(torch.nn.functional.cross_entropy(out, label).item(), rel=1e-5)


@pytest.mark.slow
def test_first_thousand_steps_with_the_published_seed_match_the_plain_loop():
    data, test = multiplication_data(97, 42)
    torch.manual_seed(42)
    model = PlainTransformer(97, 128, 4, 2)
    loop = train(model, data, 1e-3, 1.0)
    lane = make_lane(SMALL, [(42, 1e-3, 1.0)])
    evaluator = Evaluator(SMALL, [lane.recipes[0].task], lane.parameters)
    ours, theirs = [], []
    for _ in range(20):
        list(itertools.islice(loop, 50))
        lane.advance(50)
        scores = evaluator.scores()[0]
        ours.append([scores["train_accuracy"], scores["test_accuracy"]])
        theirs.append([_accuracy(model, part) for part in (data, test)])
    ours, theirs = np.array(ours), np.array(theirs)
    # Step by step to 600. Then comes an instability (train accuracy dips for some tens of steps) whose step depends on
    # rounding, in the plain loop as well (its number of threads moves it), so what follows is compared in the median.
    assert np.abs(ours[:12] - theirs[:12]).max() < 0.01
    assert np.abs(np.median(ours[12:], 0) - np.median(theirs[12:], 0)).max() < 0.01


def _accuracy(model, data):
    a, b, label = data.tensors
    with torch.no_grad():
        return (model(a, b).argmax(-1) == label).double().mean().item()


def test_the_split_of_the_engine_is_the_plain_one():
    data, _ = multiplication_data(97, 7)
    assert np.array_equal(Task(split_seed=7).train_pairs, torch.stack(data.tensors[:2], 1).numpy())
