"""Training a codec in halves that can be judged apart: log-mel ⇄ tokens, then tokens → magnitudes."""

import copy
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from maskaudio.checkpoints.folder import save_model
from maskaudio.checkpoints.registry import lasting_name
from maskaudio.codec.bands import BandsCodec
from maskaudio.codec.harmonics import comb_details, detail
from maskaudio.codec.load import load_host
from maskaudio.codec.mel import FLOOR
from maskaudio.codec.neural import NeuralCodec
from maskaudio.codec.stft import stft_magnitude
from maskaudio.devices import pick_device
from maskaudio.errors import UsageError
from maskaudio.training.augment import change_pitch, colour, cut_treble, move_formants
from maskaudio.training.recipe import CodecRecipe, Phase, recipe_clips
from maskaudio.training.samples import save_sample
from maskaudio.training.store import AudioStore, store_splits
from maskaudio.training.trainer import main_process_first, train


class TokenHalf(nn.Module):
    """Mel → tokens → mel: L1 on the log-mel and on its differences in time."""

    def __init__(self, codec: NeuralCodec | BandsCodec):
        super().__init__()
        self.codec = codec
        for name, parameter in codec.named_parameters():
            parameter.requires_grad_(not name.startswith("vocoder."))

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        mel = self.codec.log_mel(wave.float()[:, None])
        return mel_loss(self.codec.reconstruct_mel(mel).float(), mel)

    @torch.no_grad()
    def validate(self, wave: Tensor) -> dict[str, Tensor]:
        """Mel distance in nats with the first 1 … K streams (bands: all), and the share of codes in use."""
        codec = self.codec
        mel = codec.log_mel(wave[:, None])
        codes = codec.encode(wave[:, None])
        first = codec.streams if codec.layout == "bands" else 1
        figures = {
            f"mel{j}": F.l1_loss(codec.decode_mel(codes[:, :j]), mel) for j in range(first, codec.streams + 1)
        }
        used = [codes[:, k].unique().numel() / codec.vocab for k in range(codec.streams)]
        return figures | {"used": torch.tensor(used).mean()}


class WaveHalf(nn.Module):
    """Tokens → mel → magnitudes: mel decoder and vocoder together; encoder and quantiser stay as they are.

    Half of the batches decode all streams, the others 1 … K of them, so that fewer streams still sound.
    """

    def __init__(self, codec: NeuralCodec):
        super().__init__()
        self.codec = codec
        codec.requires_grad_(False)
        codec.decoder.requires_grad_(True)
        codec.vocoder.requires_grad_(True)
        c = codec.config
        self.hop = c.hop
        self.low = slice(None, (c.n_fft // 2 + 1) * 5 // 12)  # higher up harmonics blur
        teeth = F.normalize(comb_details(c.sample_rate, c.n_fft)[:, self.low], dim=-1)
        self.register_buffer("teeth", teeth, persistent=False)
        self.register_buffer("window", torch.hann_window(c.n_fft), persistent=False)

    def forward(self, wave: Tensor) -> dict[str, Tensor]:
        wave, streams = wave.float(), self.codec.streams
        if torch.rand(()) < 0.5:
            streams = int(torch.randint(1, streams + 1, ()))
        with torch.no_grad():
            latent = self.codec.quantiser.lookup(self.codec.encode(wave[:, None])[:, :streams])
            mel, true = self.codec.mel(wave), self.log_magnitude(wave)
            known = self.pitch(true)
        made, told = self.codec.decoder(latent, known)
        near = mel_loss(made.float(), mel)
        magnitude, heard = self.codec.vocoder.log_magnitude(made, known)
        with torch.autocast(wave.device.type, enabled=False):
            figures = apart(magnitude, true)
            figures |= {"mel_pitch": missed(told, known), "pitch": missed(heard, known)}
        loss = figures["level"] + figures["detail"] + 0.3 * near["loss"]
        loss = loss + 0.1 * (figures["pitch"] + figures["mel_pitch"])
        return {"loss": loss, "mel": near["mel"]} | {k: v.detach() for k, v in figures.items()}

    def log_magnitude(self, wave: Tensor) -> Tensor:
        """Natural-log magnitudes [B, F, bins] of wave [B, N]."""
        return stft_magnitude(wave, self.window, self.hop).transpose(1, 2).clamp(min=FLOOR).log()

    def pitch(self, true: Tensor) -> Tensor:
        """Logits [B, F, pitches] of how well each comb fits log-magnitudes; 0 in frames where none does.

        Combs of the true pitch are what depths are learned with: behind a guess they would hedge.
        """
        fits = F.normalize(detail(true)[..., self.low], dim=-1) @ self.teeth.T
        return torch.where(fits.amax(-1, keepdim=True) > 0.5, 40 * fits, 0.0)

    @torch.no_grad()
    def validate(self, wave: Tensor) -> dict[str, Tensor]:
        """The training distances, with all streams and with true mels."""
        mel = self.codec.mel(wave)
        whole = self.codec.decode_mel(self.codec.encode(wave[:, None]))
        figures = {"codec_mel": mel_loss(whole, mel)["mel"]}
        true = self.log_magnitude(wave)
        known = self.pitch(true)
        for name, picture in (("copy", mel), ("codec", whole)):
            made, pitch = self.codec.vocoder.log_magnitude(picture)
            found = apart(made, true) | {"pitch": missed(pitch, known)}
            figures |= {f"{name}_{k}": v for k, v in found.items()}
        return figures


def apart(made: Tensor, true: Tensor) -> dict[str, Tensor]:
    """Log-magnitudes [B, F, bins] against true ones: L1 of level and detail, more where loud."""
    made = made.clamp(min=math.log(FLOOR))
    weight = 1 + 0.25 * (true - math.log(FLOOR))
    weight = weight / weight.sum()
    return {
        "level": ((made - true).abs() * weight).sum(),
        "detail": ((detail(made) - detail(true)).abs() * weight).sum(),
    }


def missed(pitch: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of pitch logits [B, F, pitches] with known ones, over the frames where they are known."""
    voiced = known.any(-1).float()
    entropy = -(known.softmax(-1) * pitch.log_softmax(-1)).sum(-1)
    return (entropy * voiced).sum() / voiced.sum().clamp(min=1)


def mel_loss(made: Tensor, true: Tensor) -> dict[str, Tensor]:
    """How far made log-mels [B, n_mels, F] are from true ones: L1 of levels, and of changes in time."""
    level = F.l1_loss(made, true)
    change = F.l1_loss(made.diff(dim=-1), true.diff(dim=-1))
    return {"loss": level + 0.5 * change, "mel": level.detach()}


@dataclass
class CodecTask:
    """Random windows of all clips, every second as likely; a share of them as if from another source."""

    half: TokenHalf | WaveHalf
    train: AudioStore
    valid: AudioStore
    batch_size: int
    seconds: float
    disguised: float
    seed: int = 0

    def batch(self, step: int, rank: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.seed, step, rank])
        seconds = self.train.seconds
        chosen = rng.choice(len(seconds), self.batch_size, p=seconds / seconds.sum())
        gains = 10 ** (rng.uniform(-12, 3, self.batch_size) / 20)
        windows = [(self._window(i, rng) * gain).clip(-1, 1) for i, gain in zip(chosen, gains, strict=True)]
        return {"wave": torch.from_numpy(np.stack(windows).astype(np.float32))}

    def _window(self, index: int, rng: np.random.Generator) -> np.ndarray:
        """A window of clip `index`: a codec hears many more voices and microphones than a corpus has."""
        length, rate = self._length(), self.train.sample_rate
        if rng.random() >= self.disguised:
            return self.train.window(index, length, rng)
        pace = float(np.exp(rng.uniform(-0.3, 0.3)))
        longer = self.train.window(index, math.ceil(length * max(1.0, pace) * 1.01), rng)
        wave = move_formants(change_pitch(longer, pace)[:length], float(np.exp(rng.uniform(-0.15, 0.15))))
        wave = colour(wave, rate, rng.normal(0.0, 4.0, 8))
        if rng.random() < 0.4:
            wave = cut_treble(wave, rate, float(rng.uniform(3400, 9000)))
        return np.pad(wave, (0, length - len(wave)))

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
        codec = self.half.codec
        frames = round(self.seconds * codec.frame_rate)
        return round(frames * codec.sample_rate / codec.frame_rate)


def _device(module: nn.Module) -> torch.device:
    return next(module.parameters()).device


HALVES = (("tokens", TokenHalf), ("waves", WaveHalf))


def train_codec(
    recipe: CodecRecipe,
    sources: list[Path],
    run: Path,
    *,
    start: str | None = None,
    resume: bool = False,
    device: str = "auto",
    **options: Any,
) -> Path:
    """Carry out a codec recipe; returns the folder of the finished model, `run`/model.

    start: a codec to go on from, shapes and all. Its tokens stay what they are, so that models on them and
    token files go on working: only how they sound is trained, by the recipe's `waves`. Raises UsageError for
    a codec of bands, which has no such half.
    """
    if start and recipe.waves is None:
        raise UsageError("--from: a codec of bands has its host's vocoder; train that one on")
    codec = copy.deepcopy(load_host(start)).train() if start else new_codec(recipe)
    clips, _ = recipe_clips(recipe.data, sources)
    with main_process_first(pick_device(device)):
        stores = store_splits(clips, run / "audio", codec.sample_rate, recipe.data.tones)
    for name, half in HALVES:
        phase: Phase | None = getattr(recipe, name)
        if phase is None or (start and half is TokenHalf):
            continue
        codec.requires_grad_(True)
        module = half(codec)
        task = CodecTask(module, *stores.values(), phase.batch, phase.seconds, recipe.disguised, phase.seed)
        average = train(module, task, phase, run / name, resume=resume, device=device, **options)
        module.load_state_dict(average, strict=False)
    folder = run / "model"
    about = recipe.about | {"parameters": sum(p.numel() for p in codec.parameters())}
    save_model(folder, "codec", codec.config, codec, about=about)
    return folder


def new_codec(recipe: CodecRecipe) -> NeuralCodec | BandsCodec:
    """The untrained codec that `recipe` describes."""
    host = copy.deepcopy(load_host(recipe.bands.host)) if recipe.bands else None
    torch.manual_seed(recipe.tokens.seed)
    if host is None:
        return NeuralCodec(recipe.model)
    return BandsCodec(replace(recipe.bands, host=lasting_name(recipe.bands.host)), host)
