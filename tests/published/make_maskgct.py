"""Makes a set like that of Amphion's recordings, of any size, by our own code.

    python -m tests.published.make_maskgct tests/fixtures/maskgct

It proves nothing that the recordings do not prove: it keeps what they have proved where there is no room for
them, and shows that no size stands in a test.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from maskaudio.codec.maskgct_acoustic import AcousticCodec, AcousticCodecConfig
from maskaudio.codec.maskgct_semantic import SemanticCodec, SemanticCodecConfig
from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.published import maskgct_plan
from maskaudio.networks.guidance import guided
from maskaudio.networks.maskgct import (
    AcousticConfig,
    SemanticToAcoustic,
    SemanticToAcousticConfig,
    TextToSemantic,
    TextToSemanticConfig,
)
from maskaudio.networks.maskgct_stage import BATCH
from maskaudio.networks.maskgct_transformer import waves
from maskaudio.published.amphion import likeliest
from tests.published.maskgct import Recorded

CFG, RESCALE = 2.5, 0.75


@dataclass(frozen=True)
class Sizes:
    """Of the networks, and of what is recorded: batch, phones, frames of prompt and target."""

    text: TextToSemanticConfig
    first: AcousticConfig
    full: AcousticConfig
    semantic: SemanticCodecConfig
    acoustic: AcousticCodecConfig
    batch: int = 2
    phones: int = 7
    prompt: int = 4
    target: int = 9
    steps: tuple[int, ...] = (4, 2)  # of the decodes of the first network
    acoustic_steps: tuple[int, ...] = (3, 2, 1)
    times: tuple[float, ...] = (1.0, 0.35)
    samples: int = 2000


CUT = Sizes(
    text=TextToSemanticConfig(vocab=64, phones=363, dim=16, layers=2, heads=2),
    first=AcousticConfig(streams=1, vocab=40, semantic=64, dim=12, layers=1, heads=3),
    full=AcousticConfig(streams=3, vocab=40, semantic=64, dim=16, layers=2, heads=2),
    semantic=SemanticCodecConfig(vocab=64, features=32, code_dim=6, dim=12, hidden=20, layers=2),
    acoustic=AcousticCodecConfig(
        dim=1,
        latent=16,
        streams=3,
        vocab=40,
        code_dim=4,
        vocoder_dim=8,
        vocoder_hidden=12,
        vocoder_layers=1,
        n_fft=960,
    ),
)


class Drawn(Recorded):
    """Chance that is drawn, and kept."""

    def __init__(self, shape: tuple[int, int, int], prompt: int):
        super().__init__([], prompt)
        self.shape, self.kept = shape, []

    def tokens(self, p: Tensor, cells: Tensor) -> Tensor:
        self.left = [torch.rand(self.shape)]
        self.kept += self.left
        return super().tokens(p, cells)

    def gumbel(self, count: int, own: list[int] | None = None) -> Tensor:
        self.left = [torch.rand(self.shape[:2])]
        self.kept += self.left
        return super().gumbel(count, own)


@torch.inference_mode()
def make(folder: Path, sizes: Sizes, seed: int = 0) -> None:
    """Write networks of random weights and what they say."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / "maskgct.json", json.dumps(_settings(sizes), indent=1).encode())
    text = _random(TextToSemantic(sizes.text))
    sound = _random(SemanticToAcoustic(SemanticToAcousticConfig(sizes.first, sizes.full)))
    acoustic = _random(AcousticCodec(sizes.acoustic))
    semantic = _random(SemanticCodec(sizes.semantic))
    text.spread = sound.spread = BATCH
    unused = {"diff_estimator.embed_tokens.weight": torch.zeros(0, 256)}
    _save(folder / "t2s_model/model.safetensors", text.state_dict())
    _save(folder / "s2a_model/s2a_model_1layer/model.safetensors", sound.first.state_dict() | unused)
    _save(folder / "s2a_model/s2a_model_full/model.safetensors", sound.full.state_dict() | unused)
    _save(folder / "semantic_codec/model.safetensors", semantic.state_dict())
    _save(folder / "acoustic_codec/model.safetensors", acoustic.encoder.state_dict())
    decoder = {k: x for k, x in acoustic.state_dict().items() if not k.startswith("encoder.")}
    _save(folder / "acoustic_codec/model_1.safetensors", decoder)
    spread = {"mean": torch.randn(sizes.semantic.features), "var": torch.rand(sizes.semantic.features) + 0.5}
    _save(folder / "wav2vec2bert_stats.safetensors", spread)
    _save(folder / "t2s_forward.safetensors", _text_forward(text, sizes))
    _save(folder / "t2s_train.safetensors", _text_train(text, sizes))
    for name, steps in zip("ab", sizes.steps, strict=False):
        _save(folder / f"t2s_decode_{name}.safetensors", _text_decode(text, sizes, steps, 1, CFG))
    _save(folder / "t2s_decode_nocfg.safetensors", _text_decode(text, sizes, sizes.steps[-1], 1, 0.0))
    _save(
        folder / "t2s_decode_batch.safetensors", _text_decode(text, sizes, sizes.steps[-1], sizes.batch, CFG)
    )
    _save(folder / "s2a_forward.safetensors", _sound_forward(sound, sizes))
    _save(folder / "s2a_train.safetensors", _sound_train(sound, sizes))
    _save(folder / "s2a_decode.safetensors", _sound_decode(sound, acoustic, sizes))
    _save(folder / "semantic_codec_io.safetensors", _semantic_io(semantic, sizes))
    _save(folder / "acoustic_codec_io.safetensors", _acoustic_io(acoustic, sizes))


def _settings(s: Sizes) -> dict:
    streams = {"s2a_1layer": s.first, "s2a_full": s.full}
    return {
        "model": {
            "t2s_model": {
                "hidden_size": s.text.dim,
                "num_layers": s.text.layers,
                "num_heads": s.text.heads,
                "cfg_scale": 0.15,
                "cond_codebook_size": s.text.vocab,
            },
            "s2a_model": {
                name: {
                    "num_quantizer": c.streams,
                    "hidden_size": c.dim,
                    "num_layers": c.layers,
                    "num_heads": c.heads,
                    "codebook_size": c.vocab,
                    "cond_codebook_size": c.semantic,
                }
                for name, c in streams.items()
            },
            "semantic_codec": {"codebook_size": s.semantic.vocab, "hidden_size": s.semantic.features},
            "acoustic_codec": {
                "encoder": {"d_model": s.acoustic.dim, "up_ratios": list(s.acoustic.strides)},
                "decoder": {"num_quantizers": s.acoustic.streams, "n_fft": s.acoustic.n_fft},
            },
        }
    }


def _random(module: nn.Module) -> nn.Module:
    """No weight is 0 or 1, so that nothing can be left out unnoticed."""
    for name, tensor in module.state_dict().items():
        if name.endswith(("gamma", "alpha", "weight_g", "norm.weight", "to_weight.bias")):
            tensor.copy_(1.0 + 0.2 * torch.randn_like(tensor))
        elif tensor.dim() > 1:
            tensor.copy_(torch.randn_like(tensor) * max(0.2, tensor[0].numel() ** -0.5))
        elif not name.endswith("window"):
            tensor.copy_(0.2 * torch.randn_like(tensor))
    return module.eval()


def _settings_of(steps: Tensor, temperature: float, cfg: float) -> dict[str, Tensor]:
    return {
        "n_timesteps": steps,
        "temp": torch.tensor(temperature),
        "filter_thres": torch.tensor(0.98),
        "cfg": torch.tensor(cfg),
        "rescale_cfg": torch.tensor(RESCALE),
    }


def _plan(steps: tuple[int, ...], temperature: float, vocab: int, cfg: float):
    return maskgct_plan(steps, temperature=temperature, top_k=likeliest(vocab), guidance=cfg, rescale=RESCALE)


def _behind(prompt: Tensor, frames: int) -> Grid:
    blank = Grid.blank(len(prompt), prompt.shape[1], frames)
    known = torch.ones_like(prompt, dtype=torch.bool)
    return Grid(torch.cat([prompt, blank.codes], 2), torch.cat([known, blank.known], 2))


def _text_forward(net: TextToSemantic, s: Sizes) -> dict[str, Tensor]:
    phones = torch.randint(0, s.text.phones, (s.batch, s.phones))
    prompt = torch.randint(0, s.text.vocab, (s.batch, s.prompt))
    seq = torch.randint(0, s.text.vocab, (s.batch, s.target))
    mask = torch.rand(s.batch, s.target) < 0.6
    t = torch.tensor(s.times)
    out = {"phone_id": phones, "prompt_semantic": prompt, "seq": seq, "mask": mask.byte()}
    out |= {"cfg": torch.tensor(CFG), "rescale_cfg": torch.tensor(RESCALE), "step.t": t}
    out["step.sinusoidal"] = waves(t, s.text.dim)
    out["step.mlp"] = net.diff_estimator.diff_step_mlp(out["step.sinusoidal"])
    grid = torch.cat([prompt, seq.masked_fill(mask, net.vocab)], 1)[:, None]
    told = net.condition(phones, s.prompt)
    for net.time in s.times:
        rows = net.features(grid, 0, told), net.features(grid, 0, net.nothing(told))
        out |= _row(f"t{net.time}.", *rows, net.to_logit)
    return out


def _row(stem: str, with_all: Tensor, alone: Tensor, head: nn.Linear) -> dict[str, Tensor]:
    both = guided(with_all, alone, 1 + CFG, RESCALE, over=BATCH)
    out = {"embeds_cond": with_all, "embeds_uncond": alone, "embeds_guided": both}
    out |= {"logits_cond": head(with_all), "logits_guided": head(both)}
    return {stem + key: x for key, x in out.items()}


def _lengths(batch: int, whole: int) -> Tensor:
    return (torch.arange(whole) < (whole - torch.arange(batch))[:, None]).float()


def _text_train(net: TextToSemantic, s: Sizes) -> dict[str, Tensor]:
    x0 = torch.randint(0, s.text.vocab, (s.batch, s.target))
    phones = torch.randint(0, s.text.phones, (s.batch, s.phones))
    x_mask, phone_mask = _lengths(s.batch, s.target), _lengths(s.batch, s.phones)
    mask = (torch.rand(x0.shape) < 0.6) & x_mask.bool()
    t = torch.rand(s.batch)
    xt = net.embedded(x0.masked_fill(mask, net.vocab)[:, None])
    logits = net.to_logit(net.estimate(xt, t, net.condition(phones, 0, phone_mask.bool()), x_mask.bool()))
    out = {"x0": x0, "x_mask": x_mask, "phone_id": phones, "phone_mask": phone_mask, "t": t, "xt": xt}
    loss = F.cross_entropy(logits[mask], x0[mask])
    return out | {"final_mask": mask[..., None].float(), "logits": logits, "masked_ce_mean": loss}


def _text_decode(net: TextToSemantic, s: Sizes, steps: int, batch: int, cfg: float) -> dict[str, Tensor]:
    phones = torch.randint(0, s.text.phones, (batch, s.phones))
    prompt = torch.randint(0, s.text.vocab, (batch, s.prompt))
    told = net.condition(phones, s.prompt)
    chance = Drawn((batch, s.target, s.text.vocab), s.prompt)
    codes = decode(
        net,
        _behind(prompt[:, None], s.target),
        told,
        _plan((steps,), 0.9, net.vocab, cfg),
        [0] * batch,
        unconditional=net.nothing(told),
        chance=lambda seeds, lengths: chance,
    )
    out = {"phone_id": phones, "prompt_semantic": prompt, "target_len": torch.tensor(s.target)}
    out |= _settings_of(torch.tensor(steps), 0.9, cfg) | {"output": codes[:, 0, s.prompt :]}
    return out | {f"u{i:03d}": u for i, u in enumerate(chance.kept)}


def _sound_forward(model: SemanticToAcoustic, s: Sizes) -> dict[str, Tensor]:
    semantic = torch.randint(0, s.full.semantic, (s.batch, s.prompt + s.target))
    prompt, codes = (
        torch.randint(0, s.full.vocab, (s.batch, n, s.full.streams)) for n in (s.prompt, s.target)
    )
    seq = torch.randint(0, s.full.vocab, (s.batch, s.target))
    mask = torch.rand(s.batch, s.target) < 0.6
    out = {"semantic": semantic, "prompt_acoustic": prompt, "codes": codes, "seq": seq, "mask": mask.byte()}
    out |= {"cfg": torch.tensor(CFG), "rescale_cfg": torch.tensor(RESCALE)}
    cases = [("1layer", model.first, 0), *(("full", model.full, k) for k in range(s.full.streams))]
    for which, net, stream in cases:
        grid = codes.transpose(1, 2).clone()
        grid[:, stream] = seq.masked_fill(mask, model.vocab)
        grid[:, stream + 1 :] = model.vocab
        x = net.embedded(torch.cat([prompt.transpose(1, 2), grid], 2))
        told = net.told(semantic, stream)
        for time in s.times:
            t = torch.full((s.batch,), time)
            rows = (
                net.estimate(x, t, told)[:, s.prompt :],
                net.estimate(x[:, s.prompt :], t, told[:, s.prompt :]),
            )
            out |= _row(f"s2a_{which}.layer{stream}.t{time}.", *rows, net.to_logits[stream])
    return out


def _sound_train(model: SemanticToAcoustic, s: Sizes) -> dict[str, Tensor]:
    net, stream = model.full, s.full.streams - 1
    x0 = torch.randint(0, s.full.vocab, (s.batch, s.target, s.full.streams))
    code = torch.randint(0, s.full.semantic, (s.batch, s.target))
    x_mask, t = _lengths(s.batch, s.target), torch.rand(s.batch)
    mask = (torch.rand(code.shape) < 0.6) & x_mask.bool()
    codes = x0.transpose(1, 2).clone()
    codes[:, stream].masked_fill_(mask, model.vocab)
    xt, told = net.embedded(codes), net.told(code, stream)
    logits = net.to_logits[stream](net.estimate(xt, t, told, x_mask.bool()))
    out = {"x0": x0, "x_mask": x_mask, "cond_code": code, "cond": told, "t": t, "xt": xt, "logits": logits}
    out |= {"mask_layer": torch.tensor([stream]), "prompt_len": torch.zeros(s.batch, dtype=torch.long)}
    loss = F.cross_entropy(logits[mask], x0[..., stream][mask])
    return out | {"final_mask": mask[..., None].float(), "masked_ce_mean": loss}


def _sound_decode(model: SemanticToAcoustic, codec: AcousticCodec, s: Sizes) -> dict[str, Tensor]:
    semantic = torch.randint(0, s.full.semantic, (1, s.prompt + s.target))
    prompt = torch.randint(0, s.full.vocab, (1, s.full.streams, s.prompt))
    told = model.condition(semantic, s.prompt)
    chance = Drawn((1, s.target, s.full.vocab), s.prompt)
    codes = decode(
        model,
        _behind(prompt, s.target),
        told,
        _plan(s.acoustic_steps, 1.5, model.vocab, CFG),
        [0],
        unconditional=model.nothing(told),
        chance=lambda seeds, lengths: chance,
    )[:, :, s.prompt :]
    out = {"semantic": semantic, "prompt_acoustic": prompt.transpose(1, 2)}
    out |= _settings_of(torch.tensor(s.acoustic_steps), 1.5, CFG)
    out |= {"output_1layer": codes[:, :1].transpose(1, 2), "output_full": codes.transpose(1, 2)}
    out |= {"vq_emb": codec.quantizer.lookup(codes), "audio": codec.decode(codes)}
    out["prompt_audio"] = codec.decode(prompt)
    first = 2 * s.acoustic_steps[0] - (s.acoustic_steps[0] > 1)
    for stem, kept in (("stage1", chance.kept[:first]), ("full", chance.kept[first:])):
        out |= {f"{stem}.u{i:03d}": u for i, u in enumerate(kept)}
    return out


def _semantic_io(codec: SemanticCodec, s: Sizes) -> dict[str, Tensor]:
    features = torch.randn(s.batch, s.target, s.semantic.features)
    encoded = codec.encoder(features.transpose(1, 2))
    tokens = codec.encode(features)
    looked_up = codec.quantizer.lookup(tokens).transpose(1, 2)
    return {
        "features": features,
        "encoder_out": encoded,
        "latent": codec.quantizer.quantizers[0].in_project(encoded.transpose(1, 2)),
        "codes": tokens[:, 0],
        "quantized": looked_up,
        "vq2emb": looked_up.clone(),
        "decoded": codec.decode(tokens),
    }


def _acoustic_io(codec: AcousticCodec, s: Sizes) -> dict[str, Tensor]:
    wave = 0.3 * torch.randn(1, s.samples)
    whole = s.samples // codec.config.hop * codec.config.hop
    loud = 6.0 * torch.randn(1, 3, s.acoustic.vocoder_dim)
    out = {"wav": wave, "clip.backbone": loud, "clip.audio": codec.model.head(loud)}
    for part, own in (("full", wave), ("exact", wave[:, :whole])):
        codes = codec.whole_frames(own[:, None])
        latent = codec.quantizer.lookup(codes)
        few = codec.quantizer.lookup(codes[:, :2])
        kept = {"encoder_out": codec.encoder(own[:, None]), "codes": codes.transpose(1, 2)}
        kept |= {"quantized": latent, "vq2emb": latent.clone(), "vq2emb_2q": few}
        kept |= {"backbone": codec.model.backbone(latent), "audio": codec.decode(codes)}
        out |= {f"{part}.{key}": x for key, x in kept.items()}
    return out


def _save(path: Path, what: bytes | dict[str, Tensor]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(what, bytes):
        path.write_bytes(what + b"\n")
    else:
        save_file({key: x.clone().contiguous() for key, x in what.items()}, path)


if __name__ == "__main__":
    make(Path(sys.argv[1]), CUT)
