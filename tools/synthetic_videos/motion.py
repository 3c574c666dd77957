"""Random paths over time."""
import numpy as np
from numpy.random import Generator


def smooth(rng: Generator, length: int, period: float) -> np.ndarray:
    """(length,) random path in about [-1, 1], with waves of ``period`` frames and longer."""
    time = np.arange(length)
    waves = [np.sin(2 * np.pi * time / (period * factor) + rng.uniform(0, 2 * np.pi))
             * rng.uniform(0.3, 1) for factor in (1, 1.7, 3.1)]
    return np.sum(waves, axis=0) / 2


def reflect(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Fold a path, (length,), back into an interval."""
    if high <= low:
        return np.full_like(values, (low + high) / 2)
    span = high - low
    values = np.mod(values - low, 2 * span)
    return low + np.where(values > span, 2 * span - values, values)
