"""Training a codec in halves that can be judged apart: tokens ⇄ log-mel, then log-mel → wave.

Each half first learns to be near, then, with an adversary, to sound like the real thing.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import save_model
from maskaudio.codec.mel import mel_filters, stft_magnitude
from maskaudio.codec.neural import NeuralCodec
from maskaudio.devices import pick_device
from maskaudio.training.adversary import Adversary, SpectrumPictures
from maskaudio.training.recipe import CodecRecipe, Phase, recipe_clips
from maskaudio.training.samples import save_sample
from maskaudio.training.store import AudioStore, store_splits
from maskaudio.training.trainer import main_process_first, train


class TokenHalf(nn.Module):
    """Mel → tokens → mel: L1 on the log-mel and on its differences in time."""

    def __init__(self, codec: NeuralCodec):
        super().__init__()
        self.codec = codec
        codec.vocoder.requires_grad_(False)

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        mel = self.codec.mel(wave.float())
        return self.distance(self.codec.reconstruct_mel(mel).float(), mel)

    def distance(self, made: Tensor, mel: Tensor) -> dict[str, Tensor]:
        """How far the made log-mels [B, n_mels, F] are from the true ones."""
        level = F.l1_loss(made, mel)
        change = F.l1_loss(made.diff(dim=-1), mel.diff(dim=-1))
        return {"loss": level + 0.5 * change, "mel": level.detach()}

    @torch.no_grad()
    def validate(self, wave: Tensor) -> dict[str, Tensor]:
        """Mel distance in nats with the first 1 … K streams, and the share of codes in use."""
        codec = self.codec
        mel = codec.mel(wave)
        codes = codec.encode(wave[:, None])
        figures = {
            f"mel{j}": F.l1_loss(codec.decode_mel(codes[:, :j]), mel) for j in range(1, codec.streams + 1)
        }
        used = [codes[:, k].unique().numel() / codec.vocab for k in range(codec.streams)]
        return figures | {"used": torch.tensor(used).mean()}


class TextureHalf(TokenHalf):
    """Tokens → mel with an adversary: a mean of all that a token may mean sounds dull, one of them does not.

    Encoder and quantiser stay as they are, so that tokens keep their meaning.
    """

    def __init__(self, codec: NeuralCodec):
        super().__init__(codec)
        codec.requires_grad_(False)
        codec.decoder.requires_grad_(True)
        self.adversary = Adversary(1)

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        mel = self.codec.mel(wave.float())
        made = self.codec.reconstruct_mel(mel).float()
        near = self.distance(made, mel)
        with torch.autocast(wave.device.type, enabled=False):
            game = self.adversary([made / 3], [mel / 3])
        loss = 5 * near["loss"] + game["adversary"] + 2 * game["features"] + game["critic"]
        return near | {"loss": loss} | {k: v.detach() for k, v in game.items()}


class WaveHalf(nn.Module):
    """Mel → wave without an adversary: log-mel and log-magnitude distances at many resolutions.

    A share of the items starts from what the (frozen) tokens make of the mel, the others from the true
    one, so that the vocoder learns both to draw sharply and to forgive a blurred mel.
    """

    def __init__(self, codec: NeuralCodec, blurred: float = 0.5):
        super().__init__()
        self.codec, self.blurred = codec, blurred
        codec.requires_grad_(False)
        codec.vocoder.requires_grad_(True)
        self.distance = SpectralDistance(codec.sample_rate)

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        wave = wave.float()
        mel = self.codec.mel(wave)
        count = round(wave.shape[0] * self.blurred)
        if count:
            with torch.no_grad():
                blurred = self.codec.decode_mel(self.codec.encode(wave[:count, None])).float()
            mel = torch.cat([blurred, mel[count:]])
        made = self.codec.vocoder(mel)
        with torch.autocast(wave.device.type, enabled=False):
            return self.losses(made, wave)

    def losses(self, made: Tensor, wave: Tensor) -> dict[str, Tensor]:
        """How far the made waves [B, N] are from the true ones."""
        return self.distance(made, wave)

    @torch.no_grad()
    def validate(self, wave: Tensor) -> dict[str, Tensor]:
        """The training distances of copy synthesis (true mel) and of the whole codec."""
        copy = self.distance(self.codec.vocoder(self.codec.mel(wave)), wave)
        whole = self.distance(self.codec.decode(self.codec.encode(wave[:, None]))[:, 0], wave)
        return {f"copy_{k}": v for k, v in copy.items()} | {f"codec_{k}": v for k, v in whole.items()}


class PolishHalf(WaveHalf):
    """WaveHalf with an adversary; tokens and mel decoder stay as they are."""

    def __init__(self, codec: NeuralCodec, blurred: float = 0.5):
        super().__init__(codec, blurred)
        self.pictures = SpectrumPictures()
        self.adversary = Adversary(len(self.pictures.windows))

    def losses(self, made: Tensor, wave: Tensor) -> dict[str, Tensor]:
        """5 × spectral distance + adversary + 2 × feature matching, and the critics' own loss."""
        near, game = self.distance(made, wave), self.adversary(self.pictures(made), self.pictures(wave))
        loss = 5 * near["loss"] + game["adversary"] + 2 * game["features"] + game["critic"]
        return {"loss": loss, "mel": near["mel"]} | {k: v.detach() for k, v in game.items()}


class SpectralDistance(nn.Module):
    """Sum over window sizes of: L1 of log-mels, L1 of log-magnitudes, spectral convergence."""

    def __init__(self, sample_rate: int, windows: tuple[int, ...] = (128, 256, 512, 1024, 2048)):
        super().__init__()
        self.windows = windows
        for n in windows:
            self.register_buffer(f"window{n}", torch.hann_window(n), persistent=False)
            filters = mel_filters(sample_rate, n, max(6, n // 16))
            self.register_buffer(f"filters{n}", filters, persistent=False)

    def forward(self, made: Tensor, true: Tensor) -> dict[str, Tensor]:
        mel = magnitude = convergence = 0.0
        for n in self.windows:
            window, filters = getattr(self, f"window{n}"), getattr(self, f"filters{n}")
            a, b = (stft_magnitude(x, window, n // 4).transpose(1, 2) for x in (made, true))
            floor = 1e-2 * n / 960  # the same loudness at every window size
            mel = mel + _log_l1(a @ filters, b @ filters, floor)
            magnitude = magnitude + _log_l1(a, b, floor)
            convergence = convergence + (a - b).norm() / b.norm().clamp(min=1e-3)
        count = len(self.windows)
        loss = (mel + 0.3 * magnitude + 0.3 * convergence) / count
        return {"loss": loss, "mel": mel.detach() / count}


def _log_l1(a: Tensor, b: Tensor, floor: float) -> Tensor:
    return F.l1_loss(a.clamp(min=floor).log(), b.clamp(min=floor).log())


@dataclass
class CodecTask:
    """Random windows of all clips, every second of audio equally likely."""

    half: TokenHalf | WaveHalf  # PolishHalf is one, too
    train: AudioStore
    valid: AudioStore
    batch_size: int
    seconds: float
    seed: int = 0

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, step, rank])
        seconds = self.train.seconds
        chosen = rng.choice(len(seconds), self.batch_size, p=seconds / seconds.sum())
        gains = 10 ** (rng.uniform(-12, 3, self.batch_size) / 20)
        windows = [
            (self.train.window(i, self._length(), rng) * gain).clip(-1, 1)
            for i, gain in zip(chosen, gains, strict=True)
        ]
        return {"wave": torch.from_numpy(np.stack(windows).astype(np.float32))}

    def validate(self, module: nn.Module) -> dict[str, float]:
        rng = np.random.default_rng(0)
        count = min(96, len(self.valid.clips))
        picks = rng.permutation(len(self.valid.clips))[:count]
        waves = torch.from_numpy(np.stack([self.valid.window(i, self._length(), rng) for i in picks]))
        sums: dict[str, float] = {}
        for wave in waves.split(16):
            for name, value in module.validate(wave.to(_device(module))).items():
                sums[name] = sums.get(name, 0.0) + float(value) * len(wave) / count
        return sums

    def show(self, module: nn.Module, folder: Path) -> None:
        codec = self.half.codec
        rng = np.random.default_rng(1)
        for number in range(min(4, len(self.valid.clips))):
            wave = self.valid.window(number * len(self.valid.clips) // 4, 4 * codec.sample_rate, rng)
            with torch.no_grad():
                made = codec.decode(codec.encode(torch.from_numpy(wave)[None, None].to(_device(module))))
            save_sample(folder / f"{number}_in", wave, codec.sample_rate)
            save_sample(folder / f"{number}_out", made[0, 0].cpu().numpy(), codec.sample_rate)

    def _length(self) -> int:
        frame = self.half.codec.config.hop * self.half.codec.config.stride
        return round(self.seconds * self.half.codec.sample_rate / frame) * frame


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


HALVES = (("tokens", TokenHalf), ("texture", TextureHalf), ("waves", WaveHalf), ("polish", PolishHalf))


def train_codec(
    recipe: CodecRecipe,
    sources: list[Path],
    run: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> Path:
    """Carry out a codec recipe; returns the folder of the finished model, `run`/model."""
    clips, _ = recipe_clips(recipe.data, sources)
    with main_process_first(pick_device(device)):
        stores = store_splits(clips, run / "audio", recipe.model.sample_rate)
    torch.manual_seed(recipe.tokens.seed)
    codec = NeuralCodec(recipe.model)
    for name, half in HALVES:
        phase: Phase | None = getattr(recipe, name)
        if phase is None:
            continue
        codec.requires_grad_(True)
        module = half(codec)
        task = CodecTask(module, *stores.values(), phase.batch, phase.seconds, phase.seed)
        average = train(module, task, phase, run / name, resume=resume, device=device, **options)
        module.load_state_dict(average, strict=False)
    folder = run / "model"
    about = recipe.about | {"parameters": sum(p.numel() for p in codec.parameters())}
    save_model(folder, "codec", recipe.model, codec, about=about)
    return folder
