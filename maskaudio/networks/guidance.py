"""Classifier-free guidance: away from what nothing, or a negative prompt, would give (arXiv 2207.12598)."""

from torch import Tensor


def guided(
    conditional: Tensor, free: Tensor, weight: float, rescale: float = 0.0, over: tuple[int, ...] = (-1,)
) -> Tensor:
    """conditional + (weight − 1) · (conditional − free); `rescale` of the spread that adds is taken back.

    The spread is that over the dimensions `over`: logits [n, S, V] row by row, features [B, T, dim] item by
    item (MaskGCT's guidance, weight = 1 + its cfg), so that neighbours in a batch do not matter.
    """
    away = free + weight * (conditional - free)
    if not rescale:
        return away
    spread = conditional.std(over, keepdim=True) / away.std(over, keepdim=True).clamp(min=1e-6)
    return rescale * away * spread + (1.0 - rescale) * away
