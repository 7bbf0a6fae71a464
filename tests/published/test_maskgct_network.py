"""MaskGCT's networks, number for number: time, features with and without condition, guidance, logits."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from maskaudio.networks.guidance import guided
from maskaudio.networks.maskgct import AcousticNetwork, Spoken
from maskaudio.networks.maskgct_stage import BATCH, ITEM
from maskaudio.networks.maskgct_transformer import waves
from tests.published.maskgct import (
    arrays,
    close,
    files,
    keys,
    number,
    semantic_to_acoustic,
    text_to_semantic,
)


def guide(recorded: dict[str, Tensor]) -> tuple[float, float]:
    return 1.0 + number(recorded["cfg"]), number(recorded["rescale_cfg"])


def behind(prompt: int, frames: int, batch: int) -> Tensor:
    cells = torch.ones(batch, prompt + frames, dtype=torch.bool)
    cells[:, :prompt] = False
    return cells


@pytest.mark.parametrize("name", files("t2s_forward*"))
def test_the_time_is_told_in_waves(name):
    recorded, network = arrays(name), text_to_semantic()
    close(waves(recorded["step.t"], network.config.dim), recorded["step.sinusoidal"])
    close(network.diff_estimator.diff_step_mlp(recorded["step.sinusoidal"]), recorded["step.mlp"])


@pytest.mark.parametrize(
    ("name", "time"), [(n, *t) for n in files("t2s_forward*") for t in keys(n, r"t([\d.]+)\..*")]
)
@torch.inference_mode()
def test_text_to_semantic(name, time):
    recorded, network = arrays(name), text_to_semantic()
    want = {what: recorded[f"t{time}.{what}"] for (what,) in keys(name, rf"t{time}\.(\w+)")}
    codes = recorded["seq"].masked_fill(recorded["mask"].bool(), network.vocab)
    prompt = recorded["prompt_semantic"]
    grid = torch.cat([prompt, codes], 1)[:, None]
    told = network.condition(recorded["phone_id"], prompt.shape[1])
    free = network.nothing(told)
    network.time = float(time)
    with_all, alone = network.features(grid, 0, told), network.features(grid, 0, free)
    close(with_all, want["embeds_cond"])
    close(alone, want["embeds_uncond"])
    weight, rescale = guide(recorded)
    close(guided(with_all, alone, weight, rescale, over=BATCH), want["embeds_guided"])
    cells = behind(prompt.shape[1], codes.shape[1], len(codes))
    close(network.logits(grid, 0, told, cells)[:, 0], want["logits_cond"].flatten(0, 1))
    twice = torch.cat([grid, grid]), 0, network.join(told, free), torch.cat([cells, cells])
    close(network.logits(*twice, guide=guide(recorded))[:, 0], want["logits_guided"].flatten(0, 1))
    both = network.logits(*twice).chunk(2)  # for guidance of logits: both halves
    close(both[0][:, 0], want["logits_cond"].flatten(0, 1))
    close(both[1][:, 0], network.to_logit(alone).flatten(0, 1))


S2A = r"s2a_(\w+)\.layer(\d+)\.t([\d.]+)\.\w+"


@pytest.mark.parametrize(
    ("name", "which", "stream", "time"), [(n, *k) for n in files("s2a_forward*") for k in keys(n, S2A)]
)
@torch.inference_mode()
def test_semantic_to_acoustic(name, which, stream, time):
    recorded, model = arrays(name), semantic_to_acoustic()
    stem, stream = f"s2a_{which}.layer{stream}.t{time}.", int(stream)
    want = {key.removeprefix(stem): array for key, array in recorded.items() if key.startswith(stem)}
    network: AcousticNetwork = {"1layer": model.first, "full": model.full}[which]
    codes = recorded["codes"].transpose(1, 2).clone()
    codes[:, stream] = recorded["seq"].masked_fill(recorded["mask"].bool(), model.vocab)
    codes[:, stream + 1 :] = model.vocab
    prompt = recorded["prompt_acoustic"].transpose(1, 2)
    length = prompt.shape[2]
    grid = torch.cat([prompt, codes], 2)
    t = torch.full((len(grid),), float(time))
    x, told = network.embedded(grid), network.told(recorded["semantic"], stream)
    with_all = network.estimate(x, t, told)[:, length:]
    alone = network.estimate(x[:, length:], t, told[:, length:])
    close(with_all, want["embeds_cond"])
    close(alone, want["embeds_uncond"])
    features = guided(with_all, alone, *guide(recorded), over=BATCH)
    close(features, want["embeds_guided"])
    close(network.to_logits[stream](with_all), want["logits_cond"])
    close(network.to_logits[stream](features), want["logits_guided"])
    if network is model.network(stream):  # as the decode loop asks
        model.time = float(time)
        heard = model.condition(recorded["semantic"], length)
        both = model.join(heard, model.nothing(heard))
        cells = behind(length, codes.shape[2], len(codes))
        twice = torch.cat([grid, grid]), stream, both, torch.cat([cells, cells])
        close(model.logits(*twice, guide=guide(recorded))[:, 0], want["logits_guided"].flatten(0, 1))
        close(model.logits(grid, stream, heard, cells)[:, 0], want["logits_cond"].flatten(0, 1))


@pytest.mark.parametrize("name", files("t2s_train*"))
@torch.inference_mode()
def test_text_to_semantic_in_training(name):
    recorded, network = arrays(name), text_to_semantic()
    own = recorded["x_mask"].bool()
    masked = recorded["final_mask"][..., 0].bool()
    codes = recorded["x0"].masked_fill(masked, network.vocab)
    close(network.embedded(codes[:, None])[own], recorded["xt"][own])
    spoken = network.condition(recorded["phone_id"], 0, recorded["phone_mask"].bool())
    assert isinstance(spoken, Spoken)
    logits = network.to_logit(network.estimate(recorded["xt"], recorded["t"], spoken, own))
    close(logits[own], recorded["logits"][own])
    loss = F.cross_entropy(logits[masked], recorded["x0"][masked])
    close(loss, recorded["masked_ce_mean"])


@pytest.mark.parametrize("name", files("s2a_train*"))
@torch.inference_mode()
def test_semantic_to_acoustic_in_training(name):
    recorded, network = arrays(name), semantic_to_acoustic().full
    own = recorded["x_mask"].bool()
    masked = recorded["final_mask"][..., 0].bool()
    stream = int(recorded["mask_layer"])
    codes = recorded["x0"].transpose(1, 2).clone()
    shown = torch.arange(codes.shape[2]) < recorded["prompt_len"][:, None]
    codes[:, stream + 1 :].masked_fill_(~shown[:, None], network.config.vocab)
    codes[:, stream].masked_fill_(masked, network.config.vocab)
    close(network.embedded(codes)[own], recorded["xt"][own])
    told = network.told(recorded["cond_code"], stream)
    close(told, recorded["cond"])
    logits = network.to_logits[stream](network.estimate(recorded["xt"], recorded["t"], told, own))
    close(logits[own], recorded["logits"][own])
    loss = F.cross_entropy(logits[masked], recorded["x0"][..., stream][masked])
    close(loss, recorded["masked_ce_mean"])


@pytest.mark.parametrize("name", files("t2s_forward*"))
@torch.inference_mode()
def test_neighbours_do_not_matter_unless_asked_for(name):
    recorded, network = arrays(name), text_to_semantic(ITEM)
    prompt = recorded["prompt_semantic"]
    grid = torch.cat([prompt, torch.full_like(recorded["seq"], network.vocab)], 1)[:, None]
    cells = behind(prompt.shape[1], recorded["seq"].shape[1], len(grid))

    def logits(items: slice) -> Tensor:
        told = network.condition(recorded["phone_id"][items], prompt.shape[1])
        codes, asked = grid[items], cells[items]
        both = network.join(told, network.nothing(told))
        return network.logits(
            torch.cat([codes, codes]), 0, both, torch.cat([asked, asked]), guide=guide(recorded)
        )

    each = torch.cat([logits(slice(i, i + 1)) for i in range(len(grid))])
    close(logits(slice(None)), each)
