"""Whole decodes of MaskGCT, token for token with the noise that the original drew."""

import pytest
import torch

from maskaudio.decoding.engine import Grid, decode
from tests.published.maskgct import (
    Recorded,
    acoustic_codec,
    arrays,
    close,
    files,
    plan,
    semantic_to_acoustic,
    text_to_semantic,
    uniforms,
)


def behind(prompt: torch.Tensor, frames: int) -> Grid:
    """A grid that begins with the prompt [B, K, P]."""
    blank = Grid.blank(len(prompt), prompt.shape[1], frames)
    known = torch.ones_like(prompt, dtype=torch.bool)
    return Grid(torch.cat([prompt, blank.codes], 2), torch.cat([known, blank.known], 2))


@pytest.mark.parametrize("name", files("t2s_decode*"))
def test_text_to_semantic(name):
    recorded, network = arrays(name), text_to_semantic()
    prompt = recorded["prompt_semantic"]
    told = network.condition(recorded["phone_id"], prompt.shape[1])
    chance = Recorded(uniforms(recorded), prompt.shape[1])
    codes = decode(
        network,
        behind(prompt[:, None], int(recorded["target_len"])),
        told,
        plan(recorded, network.vocab),
        [0] * len(prompt),
        unconditional=network.nothing(told),
        chance=lambda seeds, lengths: chance,
    )
    assert torch.equal(codes[:, 0, : prompt.shape[1]], prompt)
    assert torch.equal(codes[:, 0, prompt.shape[1] :], recorded["output"])
    assert not chance.left


@pytest.mark.parametrize("name", files("s2a_decode*"))
@torch.inference_mode()
def test_semantic_to_acoustic(name):
    recorded, model, codec = arrays(name), semantic_to_acoustic(), acoustic_codec()
    prompt = recorded["prompt_acoustic"].transpose(1, 2)
    frames = recorded["semantic"].shape[1] - prompt.shape[2]
    told = model.condition(recorded["semantic"], prompt.shape[2])
    chance = Recorded(uniforms(recorded, r"stage1\.") + uniforms(recorded, r"full\."), prompt.shape[2])
    codes = decode(
        model,
        behind(prompt, frames),
        told,
        plan(recorded, model.vocab),
        [0] * len(prompt),
        unconditional=model.nothing(told),
        chance=lambda seeds, lengths: chance,
    )
    made = codes[:, :, prompt.shape[2] :]
    assert torch.equal(made[:, :1].transpose(1, 2), recorded["output_1layer"])
    assert torch.equal(made.transpose(1, 2), recorded["output_full"])
    assert torch.equal(codes[:, :, : prompt.shape[2]], prompt)
    assert not chance.left
    close(codec.quantizer.lookup(made), recorded["vq_emb"])
    close(codec.decode(made), recorded["audio"])
    close(codec.decode(prompt), recorded["prompt_audio"])
