"""What the speech tokeniser hears, and whose voice its tokens give away.

python -m benchmarks.speech_tokens --speech DIR [--model NAME|PATH] [--codec NAME|PATH] [--speakers 24]

Phone error on unseen voices and sentences: without rounding in the quantiser, with it, and with it on what
the codec makes of the clips. Share of codes in use. How far its alignment is from the corpus's own. How often
a linear probe tells the speaker of a clip from counts of its tokens, beside the same from the codec's tokens.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.codec import unseen_speech
from benchmarks.corpus import waves
from benchmarks.tables import table
from maskaudio.codec.alignment import align
from maskaudio.codec.load import load_codec, load_tokeniser
from maskaudio.codec.semantic import FINER, SpeechTokeniser, spelled
from maskaudio.compat import load_torchaudio
from maskaudio.training.clips import find_clips
from maskaudio.training.spoken import spoken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--model", default="speech-tokens", metavar="NAME|PATH")
    parser.add_argument("--codec", default="codec", metavar="NAME|PATH")
    parser.add_argument("--speakers", type=int, default=24)
    args = parser.parse_args()

    tokeniser, codec = load_tokeniser(args.model), load_codec(args.codec)
    with torch.inference_mode():
        print(table(["what is heard", "figure"], phones(tokeniser, codec, args.speech).items()))
        rows = voices(tokeniser, codec, args.speech, args.speakers)
    print(table([f"whose voice, {args.speakers} speakers", "right"], rows.items()))


def phones(tokeniser: SpeechTokeniser, codec: torch.nn.Module, folder: Path) -> dict[str, str]:
    """Phone error, codes in use, distance of unit edges to the corpus's."""
    edits = load_torchaudio().functional.edit_distance
    wrong: Counter[str] = Counter()
    used: set[int] = set()
    away: list[float] = []
    for clip, wave in waves(unseen_speech(folder)):
        said = spoken(clip)
        true = said.units.phones.tolist()
        batch = torch.from_numpy(wave)[None, None]
        mel = tokeniser.mel(F.pad(batch[:, 0], (0, -batch.shape[-1] % 960)))
        heard = tokeniser.listen(mel)
        tokens = tokeniser.encode(batch)
        again = tokeniser.spell(tokeniser.encode(codec.decode(codec.encode(batch))))[0]
        wrong["phones"] += len(true)
        unrounded = tokeniser.listen(mel, quantised=False)
        wrong["without the quantiser"] += edits(true, spelled(unrounded.ctc[0], unrounded.ctc.shape[1]))
        wrong["with it"] += edits(true, spelled(heard.ctc[0], heard.ctc.shape[1]))
        wrong["with it, through the codec"] += edits(true, spelled(again, len(again)))
        wrong["by one linear layer before it"] += edits(true, spelled(heard.early[0], heard.early.shape[1]))
        used |= set(tokens.flatten().tolist())
        found = align(tokeniser, tokens[0, 0], said.units)
        if said.edges is not None and found is not None:
            away += np.abs(found - said.edges)[1:-1].tolist()
    total = wrong.pop("phones")
    rows = {f"phone error {name}": f"{100 * n / total:.1f} %" for name, n in wrong.items()}
    rows["codes in use"] = f"{100 * len(used) / tokeniser.vocab:.0f} %"
    rows["alignment, median distance to the corpus's"] = f"{1000 * np.median(away):.0f} ms"
    return rows | {"frames a second": f"{FINER * tokeniser.frame_rate:g}"}


def voices(tokeniser: SpeechTokeniser, codec: torch.nn.Module, folder: Path, speakers: int) -> dict[str, str]:
    """How often a linear probe on token counts is right about clips it has not met; chance beside it."""
    clips = [c for c in find_clips(folder)[0] if len(c.fields.get("voice", ())) == 1 and c.split == "train"]
    common = [s for s, _ in Counter(c.fields["speaker"] for c in clips).most_common(speakers)]
    per_speaker = {s: [c for c in clips if c.fields["speaker"] == s][:20] for s in common}
    chosen = [c for own in per_speaker.values() for c in own]
    counts: dict[str, list[Tensor]] = {"semantic tokens": [], "the codec's first stream": []}
    who: list[int] = []
    for clip, wave in waves(chosen):
        batch = torch.from_numpy(wave)[None, None]
        for name, codes, vocab in (
            ("semantic tokens", tokeniser.encode(batch)[0, 0], tokeniser.vocab),
            ("the codec's first stream", codec.encode(batch)[0, 0], codec.vocab),
        ):
            counts[name].append(torch.bincount(codes, minlength=vocab).float() / len(codes))
        who.append(common.index(clip.fields["speaker"]))
    rows = {
        name: f"{100 * probe(torch.stack(x).sqrt(), torch.tensor(who)):.0f} %" for name, x in counts.items()
    }
    return rows | {"chance": f"{100 / speakers:.0f} %"}


def probe(features: Tensor, labels: Tensor, folds: int = 5) -> float:
    """Mean share right of a linear softmax classifier on the fold it was not fitted to."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    right = []
    for fold in range(folds):
        held = order[fold::folds]
        rest = order[~torch.isin(order, held)]
        with torch.inference_mode(False), torch.enable_grad():
            x, y = features.clone()[rest], labels.clone()[rest]
            weights = torch.zeros(x.shape[1], int(labels.max()) + 1, requires_grad=True)
            optimizer = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

            def loss(x=x, y=y, weights=weights, optimizer=optimizer) -> Tensor:
                optimizer.zero_grad()
                value = F.cross_entropy(x @ weights, y) + 1e-3 * weights.square().sum()
                value.backward()
                return value

            optimizer.step(loss)
        right += ((features[held] @ weights.detach()).argmax(1) == labels[held]).tolist()
    return float(np.mean(right))


if __name__ == "__main__":
    main()
