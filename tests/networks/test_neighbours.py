"""Tables of neighbours: who stands beside whom, and what counting puts in."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.networks.neighbours import RELATIONS, Neighbours, neighbours
from maskaudio.training.counts import fill_neighbours, information
from maskaudio.training.tokens import TokenStore

VOCAB = 6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, VOCAB), min_size=1, max_size=12), st.integers(0, 1))
def test_every_cell_has_the_neighbours_that_stand_beside_it(row, stage):
    codes = torch.stack([torch.arange(len(row)) % VOCAB, torch.tensor(row)])[None]
    codes[:, 0] = codes[:, 0] if stage else codes[:, 1]
    own = codes[0, stage].tolist()
    found = dict(zip(RELATIONS, neighbours(codes, stage, VOCAB), strict=True))

    def at(i):
        return own[i] if 0 <= i < len(own) else VOCAB

    for i in range(len(own)):
        assert found["before"][0, i] == at(i - 1) and found["after"][0, i] == at(i + 1)
        assert found["before2"][0, i] == (at(i - 2) if at(i - 1) == VOCAB else VOCAB)
        assert found["after2"][0, i] == (at(i + 2) if at(i + 1) == VOCAB else VOCAB)
        assert found["below"][0, i] == (codes[0, 0, i] if stage else VOCAB)


def test_left_to_right_nothing_later_is_seen():
    codes = torch.tensor([[[VOCAB, 1, 2, 3]]])  # one frame late already
    found = dict(zip(RELATIONS, neighbours(codes, 0, VOCAB, causal=True), strict=True))
    assert found["before"].tolist() == [[VOCAB, 1, 2, 3]]
    assert all((found[name] == VOCAB).all() for name in RELATIONS if name != "before")


def test_information_of_independent_codes_is_none_and_of_a_copy_much():
    rng = torch.Generator().manual_seed(0)
    one, other = torch.randint(0, 4, (2, 40000), generator=rng)
    assert information(one, other, 4).abs().max() < 0.1
    copied = information(one, one, 4)
    assert copied.diagonal().mean().item() == pytest.approx(np.log(4), abs=0.05)
    assert copied[~torch.eye(4, dtype=torch.bool)].max() < -3


def test_counted_tables_know_what_follows_what():
    """A clip that counts 0 1 2 3 4 5 0 …, and above it every code plus one."""
    row = np.arange(600) % VOCAB
    grid = np.stack([row, (row + 1) % VOCAB]).astype(np.uint16)
    tables = Neighbours(2, VOCAB, rank=VOCAB)
    store = TokenStore([None, None], grid, np.array([0, 300, 600]), np.zeros(2, np.uint16))
    fill_neighbours(tables, store, 2)
    codes = torch.full((1, 2, 5), VOCAB)
    cells = torch.zeros(1, 5, dtype=torch.bool)
    cells[0, 2] = True
    assert tables(codes, 0, cells).abs().max() < 1e-5  # nothing is known
    for place, code, expected in ((1, 3, 4), (3, 3, 2), (0, 3, 5), (4, 3, 1)):
        seen = codes.clone()
        seen[0, 0, place] = code
        assert tables(seen, 0, cells).argmax().item() == expected
    codes[0, 0, 2] = 3
    assert tables(codes, 1, cells).argmax().item() == 4


def test_pairs_do_not_reach_into_the_next_clip():
    grid = np.array([[0, 0, 0, 1, 1, 1]], np.uint16)
    tables = Neighbours(1, 2, rank=2)
    fill_neighbours(tables, TokenStore([None, None], grid, np.array([0, 3, 6]), np.zeros(1, np.uint16)), 1)
    cells = torch.tensor([[False, True]])
    said = tables(torch.tensor([[[0, 2]]]), 0, cells)
    assert said.argmax() == 0  # 0 is only ever followed by 0
