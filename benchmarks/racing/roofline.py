"""How much there is to compute, and how much a processor can: GFLOP of a call, and a plain matrix product."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

SIZE = 2048  # rows and columns of the product


def gflop(call: Callable[[], Any]) -> float:
    """Floating-point operations of a call in 10⁹: products, convolutions, attention and Fourier transforms.

    A multiply-add is two; a real transform of n samples is 2.5 n log₂ n. What goes element by element is not
    counted.
    """
    with FlopCounterMode(display=False, custom_mapping=_ALSO) as counter:
        call()
    return counter.get_total_flops() / 1e9


class MatrixProduct:
    """The yardstick as a contestant."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.one, self.other = (torch.randn(SIZE, SIZE, generator=generator) for _ in range(2))

    def product(self, number: int, count: int = 1) -> float:
        """So many fp32 products; no audio comes of it."""
        for _ in range(count):
            self.one @ self.other
        return 0.0


def _attention(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _to_spectrum(wave: Any, dims: list[int], *_: Any, out_shape: Any = None) -> int:
    return _transforms(wave, dims)


def _to_wave(spectrum: Any, dims: list[int], *_: Any, out_shape: Any = None) -> int:
    return _transforms(out_shape, dims)


def _transforms(wave: Any, dims: list[int]) -> int:
    """Of real transforms of a wave of this shape along `dims`."""
    return round(2.5 * math.prod(wave) * math.log2(math.prod(wave[d] for d in dims)))


_ALSO = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._fft_r2c: _to_spectrum,
    torch.ops.aten._fft_c2r: _to_wave,
}
