"""What the codes beside a cell say of it, by tables that can be filled by counting."""

import torch
from torch import Tensor, nn

RELATIONS = ("before", "after", "before2", "after2", "below")


class Neighbours(nn.Module):
    """Codes [B, K, T] → logits for cells of one stream, a sum of one table for every known neighbour.

    A table of vocab × vocab, of rank `rank`, for the same stream one frame before and after (two frames,
    where the nearer one is hidden) and for the stream below. A hidden neighbour says nothing at first.
    """

    def __init__(self, streams: int, vocab: int, rank: int):
        super().__init__()
        self.vocab = vocab
        tables = len(RELATIONS)
        self.given = nn.ModuleList(nn.Embedding(tables * (vocab + 1), rank) for _ in range(streams))
        for table in self.given:
            nn.init.zeros_(table.weight)
        self.said = nn.ModuleList(nn.Linear(tables * rank, vocab, bias=False) for _ in range(streams))

    def forward(self, codes: Tensor, stage: int, cells: Tensor, causal: bool = False) -> Tensor:
        """Logits [cells.sum(), vocab]. causal: stream `stage` is seen one frame late, as in training."""
        seen = torch.stack(neighbours(codes, stage, self.vocab, causal), -1)[cells]
        table = torch.arange(len(RELATIONS), device=codes.device) * (self.vocab + 1)
        return self.said[stage](self.given[stage](seen + table).flatten(1))

    @torch.no_grad()
    def fill(self, stage: int, relation: str, table: Tensor) -> None:
        """Set the table of `relation`, [vocab given, vocab said], to its best approximation of the rank."""
        at, rank = RELATIONS.index(relation), self.given[stage].weight.shape[1]
        left, scale, right = torch.linalg.svd(table)
        left, right = left[:, :rank] * scale[:rank].sqrt(), right[:rank] * scale[:rank, None].sqrt()
        rows = self.given[stage].weight.view(len(RELATIONS), self.vocab + 1, rank)[at]
        rows.zero_()  # the last one, for a hidden neighbour, too
        rows[: self.vocab, : left.shape[1]] = left
        columns = self.said[stage].weight[:, at * rank : (at + 1) * rank]
        columns.zero_()
        columns[:, : right.shape[0]] = right.T


def neighbours(codes: Tensor, stage: int, vocab: int, causal: bool = False) -> list[Tensor]:
    """The codes [B, T] in each of RELATIONS to the cells of stream `stage`; `vocab` where there is none."""
    own = codes[:, stage]
    hidden = torch.full_like(own, vocab)
    below = codes[:, stage - 1] if stage else hidden
    if causal:
        return [own, hidden, hidden, hidden, below]
    before, after = shifted(own, 1, vocab), shifted(own, -1, vocab)
    before2 = torch.where(before == vocab, shifted(own, 2, vocab), hidden)
    after2 = torch.where(after == vocab, shifted(own, -2, vocab), hidden)
    return [before, after, before2, after2, below]


def shifted(row: Tensor, frames: int, fill: int) -> Tensor:
    """row [B, T], `frames` later (or earlier), `fill` where nothing comes in."""
    moved = row.roll(frames, dims=1)
    if frames > 0:
        moved[:, :frames] = fill
    else:
        moved[:, frames:] = fill
    return moved
