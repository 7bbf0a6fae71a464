"""Words of like meaning, by the word table."""

import torch
import torch.nn.functional as F

from maskaudio.text.table import TextTable


def near_words(
    table: TextTable, captions: list[str], least: float = 0.5, most: int = 6
) -> dict[int, list[int]]:
    """Up to `most` whole-word neighbours of cosine ≥ `least` for every word piece of the captions."""
    ids, valid = table.tokenize(sorted(set(captions)))
    own = ids[valid].unique()
    words = torch.tensor([i for i in range(table.size) if table.is_word(i)])
    vectors = F.normalize(table.embed(words), dim=-1)
    near = {}
    for i in own.tolist():
        mine = F.normalize(table.embed(torch.tensor([i]))[0], dim=-1)
        values, index = (vectors @ mine).topk(most + 1)
        found = words[index[values >= least]].tolist()
        near[i] = [n for n in found if n != i]
    return near
