"""The weighted loss of a genetic search, worked by hand."""

from __future__ import annotations

import numpy as np

from cyclesim.explore.loss import losses, scales

CYCLES_AND_TOPS = np.array([[200.0, 0.5], [400.0, 0.0], [600.0, 1.5], [800.0, 0.0]])
WEIGHTS = {"total_cycles": 1.0, "tops": -2.0}


def test_a_scale_is_the_median_size_of_a_metric_without_its_zeros() -> None:
    assert scales(CYCLES_AND_TOPS).tolist() == [500, 1]
    assert scales(-CYCLES_AND_TOPS).tolist() == [500, 1]
    assert scales(np.zeros((3, 1))).tolist() == [1]


def test_a_loss_is_the_sum_of_weighted_metrics_over_their_scales() -> None:
    found = losses(CYCLES_AND_TOPS, WEIGHTS, scales(CYCLES_AND_TOPS))
    assert found.tolist() == [200 / 500 - 2 * 0.5, 400 / 500, 600 / 500 - 2 * 1.5, 800 / 500]


def test_units_of_metrics_do_not_matter() -> None:
    other = CYCLES_AND_TOPS * [2.0**-30, 2.0**40]
    found = losses(other, WEIGHTS, scales(other))
    assert found.tolist() == losses(CYCLES_AND_TOPS, WEIGHTS, scales(CYCLES_AND_TOPS)).tolist()
