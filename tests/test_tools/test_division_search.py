"""Which divisions a search tries."""
import numpy as np
import pytest
from analysis.division_search import all_divisions, neighbours, search_divisions
from analysis.divisions import even_division
from hypothesis import given
from hypothesis import strategies as st


class Scorer:
    """Scores of no pattern, the same for a division each time, and what was asked for."""

    def __init__(self, seed):
        self.seed, self.asked = seed, []

    def __call__(self, divisions):
        assert divisions
        self.asked += divisions
        return {division: np.random.default_rng([self.seed, *division]).integers(9)
                for division in divisions}


def test_all_divisions():
    assert all_divisions(4, 1) == [(4,)]
    assert all_divisions(4, 2) == [(1, 3), (2, 2), (3, 1)]
    assert all_divisions(4, 4) == [(1, 1, 1, 1)]
    assert len(set(all_divisions(12, 4))) == 165


def test_neighbours_differ_by_one_layer_at_one_boundary():
    assert neighbours((3, 1, 2)) == [(2, 2, 2), (3, 2, 1)]
    assert neighbours((1, 1)) == neighbours((5,)) == []


@given(st.integers(0, 99), st.integers(1, 9), st.data())
def test_few_divisions_are_all_scored_once(seed, depth, data):
    number = data.draw(st.integers(1, depth))
    score = Scorer(seed)
    found = search_divisions([even_division(depth, number)], score)
    assert sorted(found) == sorted(score.asked) == all_divisions(depth, number)


@given(st.integers(0, 999), st.integers(2, 9), st.data())
def test_local_search_ends_where_no_neighbour_is_better(seed, depth, data):
    number = data.draw(st.integers(2, depth))
    start = st.sampled_from(all_divisions(depth, number))
    starts = data.draw(st.lists(start, min_size=1, max_size=3))
    score = Scorer(seed)
    found = search_divisions(starts, score, all_up_to=0)
    assert len(score.asked) == len(set(score.asked))
    assert set(starts) <= found.keys() == set(score.asked)
    best = max(found, key=found.get)
    assert all(found[division] <= found[best] for division in neighbours(best))


@pytest.mark.parametrize('goal', [(1, 1, 1, 9), (5, 1, 5, 1)])
def test_local_search_climbs_a_slope_to_its_top(goal):
    def score(divisions):
        return {division: -np.abs(np.cumsum(division) - np.cumsum(goal)).sum()
                for division in divisions}

    found = search_divisions([(3, 3, 3, 3)], score, all_up_to=100)
    assert max(found, key=found.get) == goal
    assert len(found) < 100
