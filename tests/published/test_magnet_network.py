"""MAGNeT's network against recorded states, features and logits."""

import pytest
import torch
import torch.nn.functional as F

from maskaudio.networks.magnet import positions
from maskaudio.text.t5 import T5, load_encoder
from tests.published.magnet import ROOT, arrays, cases, matching, network

NEAR = {"atol": 1e-4, "rtol": 0}


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def logits(stage, codes, condition):
    """What all heads say in a stage, [B, K, T, vocab]."""
    transformer = network().transformer
    features = transformer(codes.long(), stage, condition)
    return torch.stack([head(features) for head in transformer.heads], 1)


def everyone(embeds):
    """The condition of what is told, silence included: as audiocraft has it."""
    return network().transformer.condition(embeds, torch.ones(embeds.shape[:2], dtype=torch.bool))


def test_what_texts_are_to_the_text_encoder():
    given, encoder = arrays(), load_encoder(ROOT / "t5")
    states = T5(encoder, None).states(given["t5/input_ids"].long(), given["t5/attention_mask"].bool())
    heard = given["t5/attention_mask"].bool()
    torch.testing.assert_close(states[heard], given["t5/last_hidden_state"][heard], **NEAR)


def test_what_texts_are_to_the_network():
    given = arrays()
    told = network().told(given["t5/last_hidden_state"], given["t5/attention_mask"].bool())
    torch.testing.assert_close(told, given["cond/embeds"], **NEAR)
    assert torch.equal(given["cond/mask"], given["t5/attention_mask"])


@pytest.mark.parametrize("stage", cases(r"logits/stage(\d+)_out"))
def test_logits_of_a_stage_with_and_without_text(stage):
    given, codes = arrays(), arrays()[f"logits/stage{stage}_in"]
    made = logits(int(stage), codes, everyone(given["cond/embeds"]))
    torch.testing.assert_close(made, given[f"logits/stage{stage}_out"], **NEAR)

    states, valid = given["t5/last_hidden_state"], given["t5/attention_mask"].bool()
    coupled = network().condition(states, valid, coupled=True)
    torch.testing.assert_close(logits(int(stage), codes, coupled), made, **NEAR)
    nothing = ~valid.any(1)
    assert nothing.any() and not nothing.all()
    alone = logits(int(stage), codes[nothing], network().nothing(int(nothing.sum())))
    torch.testing.assert_close(alone, made[nothing], **NEAR)


@pytest.mark.parametrize("stage", cases(r"logits/stage(\d+)_out"))
def test_the_decode_loop_gets_the_rows_it_asks_for(stage):
    given, stage = arrays(), int(stage)
    codes = given[f"logits/stage{stage}_in"].long()
    cells = (codes[:, stage] == network().config.vocab) & (torch.arange(codes.shape[2]) % 3 > 0)
    assert cells.any()
    made = network().transformer.logits(codes, stage, everyone(given["cond/embeds"]), cells)
    torch.testing.assert_close(made[:, 0], given[f"logits/stage{stage}_out"][:, stage][cells], **NEAR)


@pytest.mark.parametrize("stage", sorted(set(cases(r"acts/stage(\d+)_.*"))))
def test_features_layer_by_layer(stage):
    given, transformer = arrays(), network().transformer
    codes = given[f"logits/stage{stage}_in"].long()
    torch.testing.assert_close(transformer.embedded(codes), given[f"acts/stage{stage}_emb_sum"], **NEAR)
    seen = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, out, i=i: seen.update({i: out}))
        for i, layer in enumerate(transformer.layers)
    ]
    transformer(codes, int(stage), everyone(given["cond/embeds"]))
    for hook in hooks:
        hook.remove()
    numbers = cases(rf"acts/stage{stage}_layer(\d+)_out")
    assert len(numbers) == len(seen)
    for number in numbers:
        torch.testing.assert_close(seen[int(number)], given[f"acts/stage{stage}_layer{number}_out"], **NEAR)


@pytest.mark.parametrize("frames", cases(r"acts/pos_emb_T(\d+)"))
def test_positions(frames):
    want = arrays()[f"acts/pos_emb_T{frames}"][0]
    torch.testing.assert_close(positions(int(frames), want.shape[1]), want, atol=1e-5, rtol=0)


@pytest.mark.parametrize("match", matching(r"attn/stage(\d+)_bias_(\d+)x\2"), ids=lambda m: f"stage {m[1]}")
def test_later_stages_see_a_band(match):
    """Recorded masks are padded; within the clip they let through what our windows see."""
    config, frames = network().config, network().config.frames
    bias = arrays()[match[0]][:frames, :frames]
    at = torch.arange(frames)
    window = config.window if config.window >= 0 else frames
    assert int(match[1]) > 0 and torch.equal(bias == 0, (at[:, None] - at).abs() <= window)

    attention = network().transformer.layers[0].attention
    x = torch.randn(2, frames, config.dim, generator=torch.Generator().manual_seed(0))
    q, k, v = attention.qkv(x).unflatten(-1, (3, config.heads, -1)).permute(2, 0, 3, 1, 4)
    want = attention.out(F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, config.window), want, **NEAR)
    assert not torch.allclose(attention(x, -1), want, atol=1e-3), "a window that changes nothing"


def test_a_prompt_is_what_it_is_alone_unless_the_published_coupling_is_asked_for():
    given = arrays()
    alone = given["padding/embeds_alone"]
    short = alone.shape[1]
    states, valid = given["t5/last_hidden_state"], given["t5/attention_mask"].bool()
    own = torch.nonzero(valid.sum(1) == short).flatten()
    row = next(
        i for i in own.tolist() if torch.allclose(given["cond/embeds"][i, :short], alone[0], atol=1e-4)
    )
    codes = given["logits/stage0_in"][[row, row]]
    want = given["padding/logits_stage0_alone"]

    both = everyone(alone)
    torch.testing.assert_close(logits(0, codes, both), want, **NEAR)
    ours = network().condition(states[[row]], valid[[row]])
    assert valid.shape[1] > short, "nothing is padded here"
    torch.testing.assert_close(logits(0, codes[:1], ours), want[:1], **NEAR)
    coupled = network().condition(states[[row]], valid[[row]], coupled=True)
    assert (logits(0, codes[:1], coupled) - want[:1]).abs().max() > 1e-3


def test_conditions_of_unlike_length_join_without_changing_each_other():
    given, transformer = arrays(), network().transformer
    codes = given["logits/stage0_in"][:2].long()
    first = network().condition(given["t5/last_hidden_state"][:1], given["t5/attention_mask"][:1].bool())
    both = transformer.join(first, network().nothing(1))
    apart = [transformer(codes[:1], 0, first), transformer(codes[1:], 0, network().nothing(1))]
    torch.testing.assert_close(transformer(codes, 0, both), torch.cat(apart), **NEAR)
    one, other = both.split(1)
    torch.testing.assert_close(transformer(codes[:1], 0, one), apart[0], **NEAR)
    torch.testing.assert_close(transformer(codes[1:], 0, other), apart[1], **NEAR)
