"""The data set is the published one."""

import numpy as np
import pytest
from grokatlas.errors import GrokatlasError
from grokatlas.tasks import CosetSplit, Task, smallest_primitive_root


def test_sizes_are_the_published_ones():
    multiplication, addition = Task(), Task("addition")
    assert (len(multiplication.pairs), multiplication.n_train, len(multiplication.test_pairs)) == (9216, 2764, 6452)
    assert (len(addition.pairs), addition.n_train, len(addition.test_pairs)) == (9409, 2822, 6587)


@pytest.mark.parametrize("operation", ["multiplication", "addition"])
def test_split_is_numpy_seed_and_shuffle_of_the_list_of_tuples(operation):
    first = 1 if operation == "multiplication" else 0
    pairs = [(a, b) for a in range(first, 97) for b in range(first, 97)]
    np.random.seed(42)
    np.random.shuffle(pairs)
    task = Task(operation)
    assert [tuple(p) for p in task.train_pairs] == pairs[: task.n_train]
    assert [tuple(p) for p in task.test_pairs] == pairs[task.n_train :]


def test_labels_by_hand():
    pairs = np.array([[10, 10], [96, 2]])
    assert Task().labels(pairs).tolist() == [3, 95]
    assert Task("addition").labels(pairs).tolist() == [20, 1]


def test_discrete_logarithm_turns_products_into_sums():
    task = Task()
    k = task.ring_position
    assert smallest_primitive_root(97) == 5
    assert (k[5], k[25], k[1]) == (1, 2, 0)
    a, b = task.pairs.T
    assert np.array_equal(k[a * b % 97], (k[a] + k[b]) % 96)


def test_a_modulus_that_is_not_prime_is_refused_for_multiplication_only():
    with pytest.raises(GrokatlasError, match="modulus 96 is not prime"):
        Task(modulus=96)
    assert Task("addition", 96).ring_size == 96


def test_an_impossible_coset_split_says_why():
    with pytest.raises(GrokatlasError, match="10x8 is impossible: 10 \\* 8 = 80, but the ring has 96"):
        CosetSplit(10, 8).check(96)
