import numpy as np
import pytest

from maskaudio.evaluation.copies import HOP, distance, nearest, picture


def bursts(seed, seconds=3.0):
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(int(24000 * seconds)).astype(np.float32)
    gain = np.repeat(rng.uniform(0.05, 1, int(seconds * 10)), 2400)
    return (wave * gain).astype(np.float32)


def test_a_shifted_softer_copy_is_found():
    original = bursts(0)
    copy = 0.3 * np.concatenate([np.zeros(HOP * 10, np.float32), original])
    assert nearest(picture(original), [picture(bursts(1)), picture(copy)]) < 0.5
    assert nearest(picture(original), [picture(bursts(1)), picture(bursts(2))]) > 3


def test_distance_is_that_of_the_best_shift():
    one, other = picture(bursts(3)), picture(bursts(4, seconds=2.0))
    (fast,) = distance(one, [other], overlap=1.0).tolist()
    slow = []
    for start in range(one.shape[1] - other.shape[1] + 1):
        error = one[:, start : start + other.shape[1]] - other
        slow.append((error - error.mean()).square().mean().sqrt().item())
    assert fast == pytest.approx(min(slow), abs=1e-3)


def test_lengths_do_not_mix_in_a_batch():
    query, short, long = picture(bursts(5)), picture(bursts(6, 2.0)), picture(bursts(7, 5.0))
    both = distance(query, [short, long]).tolist()
    apart = [distance(query, [o]).item() for o in (short, long)]
    assert both == pytest.approx(apart, abs=1e-4)
