"""MAGNeT's training rule against what audiocraft recorded of its own."""

import pytest
import torch

from maskaudio.training.magnet_masks import loss, span_counts, spans_mask, stage_mask
from tests.published.magnet import arrays, cases, matching, network, span_length


@pytest.mark.parametrize("match", matching(r"train/lut_T(\d+)_L(\d+)"), ids=lambda m: m[0])
def test_how_many_spans_mask_a_share(match):
    assert torch.equal(span_counts(int(match[1]), int(match[2])), arrays()[match[0]].long())


def test_spans_are_where_chance_says():
    given = arrays()
    mask = spans_mask(given["train/mask_probs"], given["train/rand"], span_length())
    assert torch.equal(mask, given["train/spans_mask"])


@pytest.mark.parametrize("stage", cases(r"train/loss_stage(\d+)"))
def test_loss_of_a_stage(stage):
    given, stage = arrays(), int(stage)
    codes, masked = given["codes"].long(), given["train/loss_mask"]
    assert not masked[:, :stage].any() and not masked[:, stage + 1 :].any()
    logits = given[f"logits/stage{stage}_out"][: len(codes), stage]
    made = loss(logits, codes[:, stage], masked[:, stage])
    torch.testing.assert_close(made, given[f"train/loss_stage{stage}"][0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("stage", cases(r"logits/stage(\d+)_in"))
def test_what_a_stage_gets_to_see(stage):
    given, vocab = arrays(), network().config.vocab
    codes = given["codes"].long()
    seen = given[f"logits/stage{stage}_in"][: len(codes)].long()
    hidden = stage_mask(seen[:, int(stage)] == vocab, codes.shape[1], int(stage))
    assert torch.equal(codes.masked_fill(hidden, vocab), seen)
