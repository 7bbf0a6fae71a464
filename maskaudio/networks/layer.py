"""One transformer layer, shared by the masked transformer and the text encoder."""

import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.networks.attention import CrossAttention, KeyValues, SelfAttention


class Layer(nn.Module):
    """Pre-norm: self-attention, the condition (where `condition_dim` is given), feed-forward."""

    def __init__(self, dim: int, heads: int, dropout: float, condition_dim: int | None = None):
        super().__init__()
        self.norm_self = nn.RMSNorm(dim)
        self.attention = SelfAttention(dim, heads)
        self.norm_cross = nn.RMSNorm(dim) if condition_dim else None
        self.cross = CrossAttention(dim, heads, condition_dim) if condition_dim else None
        self.norm_feed = nn.RMSNorm(dim)
        self.up = nn.Linear(dim, 4 * dim, bias=False)
        self.down = nn.Linear(4 * dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.attention.out.weight, std=0.01)
        nn.init.normal_(self.down.weight, std=0.01)  # near the identity at first

    def forward(
        self,
        x: Tensor,
        rotary: Tensor,
        *,
        window: int | None = None,
        causal: bool = False,
        valid: Tensor | None = None,
        memory: Tensor | None = None,
        memory_valid: Tensor | None = None,
        behind: KeyValues | None = None,
    ) -> Tensor:
        """x [B, T, dim]; `memory`: keys and values of the condition; `valid` marks frames to attend to.

        With `behind`, x is one frame, and what it attends to are the frames kept there.
        """
        x = x + self.dropout(self.attention(self.norm_self(x), rotary, window, causal, valid, behind))
        if self.cross is not None:
            x = x + self.dropout(self.cross(self.norm_cross(x), memory, memory_valid))
        return x + self.dropout(self.down(F.gelu(self.up(self.norm_feed(x)))))
