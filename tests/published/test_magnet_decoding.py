"""MAGNeT's decoding: schedules, span masks, and complete decodes, step by step and token for token."""

import re

import pytest
import torch

from maskaudio.decoding.engine import Grid, decode
from maskaudio.decoding.published import MagnetOrder, magnet_plan
from maskaudio.decoding.samplers import Chance
from maskaudio.decoding.spans import least_probable_spans
from maskaudio.training.magnet_masks import spread
from tests.published.magnet import arrays, cases, matching, network, span_length, table

SCORING = {"max": "max", "prod": "product"}


def plan_of(kw, steps=None):
    """Audiocraft's arguments of a decode as a plan of ours."""
    anywhere = kw["span_arrangement"] == "stride1"
    return magnet_plan(
        steps or kw["decoding_steps"],
        temperature=kw["temp"],
        top_p=kw["top_p"] if kw["use_sampling"] else 0.0,
        top_k=kw["top_k"] if kw["use_sampling"] else 0,
        guidance=kw["max_cfg_coef"],
        last_guidance=kw["min_cfg_coef"],
        span_length=span_length(),
        scoring="stride-1" if anywhere else SCORING[kw.get("span_scoring", "max")],
    )


class Replayed(Chance):
    """Draws by recorded noise [steps, B, 1, T, vocab], argmax of p / q; without any, the likeliest token."""

    def __init__(self, noise, by_rank):
        self.noise, self.by_rank = noise, by_rank
        self.step = -1

    def tokens(self, p, cells):
        self.step += 1
        if self.noise is None:
            return p.argmax(-1)
        noise = self.noise[self.step, :, 0][cells][:, None]
        if not self.by_rank:
            return (p / noise).argmax(-1)
        ranked, tokens = p.sort(-1, descending=True)  # noise is for the likeliest token, the next one …
        return tokens.gather(-1, (ranked / noise).argmax(-1, keepdim=True))[..., 0]

    def gumbel(self, count, own=None):
        return torch.zeros(1, count, dtype=torch.float64)


class Overheard:
    """A network, and the grids that it is asked about: the conditional half."""

    def __init__(self, network):
        self.network, self.grids = network, []

    def logits(self, codes, stage, condition, cells, **guide):
        self.grids.append(codes.clone())
        return self.network.logits(codes, stage, condition, cells, **guide)

    def __getattr__(self, name):
        return getattr(self.network, name)


def told(items):
    """The recorded conditions of a decode of so many items, and of as many that are told nothing."""
    for embeds in (arrays()["cond/embeds"], arrays()["padding/embeds_alone"]):
        if len(embeds) == 2 * items:
            heard = torch.ones(embeds.shape[:2], dtype=torch.bool)
            return network().transformer.condition(embeds, heard).split(items)
    raise AssertionError(f"no condition of {items} items is recorded")


@pytest.mark.parametrize("name", cases(r"decode/(.+)/tokens"))
@torch.inference_mode()
def test_a_complete_decode(name):
    tokens = arrays()[f"decode/{name}/tokens"].long()
    fed = arrays()[f"decode/{name}/seq_in"].long()
    kw = table("meta.json")[f"decode_{name}"]["kw"]
    plan, model = plan_of(kw), Overheard(network().transformer)
    assert plan.steps == len(fed)

    grid = Grid(fed[0], fed[0] != model.vocab)  # what is known before the first step: the prompt, if any
    condition, nothing = told(len(tokens))
    replayed = Replayed(arrays().get(f"decode/{name}/exp_noise"), kw["top_p"] > 0)
    assert kw["use_sampling"] == (replayed.noise is not None)
    seen = []
    made = decode(
        model,
        grid,
        condition,
        plan,
        [0] * len(tokens),
        unconditional=nothing,
        observer=seen.append,
        chance=lambda seeds, lengths: replayed,
    )
    for step, (ours, theirs) in enumerate(zip(model.grids, fed, strict=True)):
        assert torch.equal(ours[: len(tokens)], theirs), f"the grid before step {step} is another"
    for progress, theirs in zip(seen, [*fed[1:], tokens], strict=True):
        own = slice(None, progress.stage + 1)
        if progress.done < len(seen) and seen[progress.done].stage == progress.stage:
            assert torch.equal(progress.known[:, own], (theirs != model.vocab)[:, own])
    assert torch.equal(made, tokens)


def test_a_prompt_has_been_tried():
    """Wherever a prompt is recorded, some decode begins with it."""
    prompt = arrays()["decode/prompt_codes"].long()
    begins = [arrays()[f"decode/{name}/seq_in"][0].long() for name in cases(r"decode/(.+)/seq_in")]
    length = prompt.shape[2]
    assert any(b.shape[0] == len(prompt) and torch.equal(b[:, :, :length], prompt) for b in begins)


@pytest.mark.parametrize("number", cases(r"lps/(\d+)_scores"))
def test_the_least_probable_spans(number):
    case = next(c for c in table("meta.json")["lps_cases"] if c["n"] == int(number))
    scores, want = arrays()[f"lps/{number}_scores"][0, 0], arrays()[f"lps/{number}_mask"][0, 0]
    assert torch.equal(least_probable_spans(scores, case["target"], span_length()), want)
    assert want.sum() == case["masked"]


@pytest.mark.parametrize("frames", cases(r"lps/construct_mask_T(\d+)"))
def test_where_spans_are(frames):
    starts = torch.zeros(1, int(frames), dtype=torch.bool)
    starts[0, arrays()["lps/construct_starts"].long()] = True
    assert torch.equal(spread(starts, span_length()), arrays()[f"lps/construct_mask_T{frames}"][0])


def test_schedules():
    """Temperature, guidance and what is hidden before every step, for clips of several lengths."""
    rows = table("schedule.json")
    first = max((row for row in rows if row["i"] == 0), key=lambda row: row["steps"])
    steps = first["steps"]
    warm, low = 3.0, 1.0  # of one step alone nothing can be told, and nothing depends on it
    if steps > 1:
        warm = first["temp"] * steps / (steps - 1)
        last = next(row for row in rows if (row["steps"], row["i"]) == (steps, steps - 1))
        low = (last["cfg_coef"] - last["mask_p"] * first["cfg_coef"]) / (1 - last["mask_p"])
    whole = {"use_sampling": True, "top_p": 1.0, "top_k": 0, "temp": warm}
    whole |= {"max_cfg_coef": first["cfg_coef"], "min_cfg_coef": low}
    for row in rows:
        for name in (found := [key for key in row if key.startswith("num_masked")]):
            units, frames = re.fullmatch(r"num_masked_(chunks|tokens)_T(\d+)", name).groups()
            arrangement = {"chunks": "nonoverlap", "tokens": "stride1"}[units]
            plan = plan_of(whole | {"span_arrangement": arrangement}, [row["steps"]])
            open = torch.ones(1, int(frames), dtype=torch.bool)
            order = MagnetOrder(open, plan.stages[0], plan.span_length, plan.schedule, Chance([0]))
            step = row["i"]
            assert order.share(step) == pytest.approx(row["mask_p"], abs=1e-7)
            assert order.guidance(step) == pytest.approx(row["cfg_coef"], abs=1e-6)
            assert order.temperature(step) == pytest.approx(row["temp_used"], abs=1e-9)
            hidden = int(order.left(step - 1)) if step else int(order.to_fill)
            assert hidden == row[name], f"{name} before step {step} of {row['steps']}"
        assert found


def test_every_array_is_looked_at():
    looked_at = (
        "t5/(input_ids|attention_mask|last_hidden_state)",
        "cond/(embeds|mask)",
        r"attn/stage\d+_bias_\d+x\d+",
        r"logits/stage\d+_(in|out)",
        r"acts/stage\d+_(layer\d+_out|emb_sum)",
        r"acts/pos_emb_T\d+",
        "padding/(embeds_alone|logits_stage0_alone)",
        r"lps/(\d+_(scores|mask)|construct_starts|construct_mask_T\d+)",
        "decode/(prompt_codes|.+/(tokens|seq_in|exp_noise))",
        "encodec/(wav_in|latent|codes|dequant|wav_out)",
        "encodec/reflect_(latent|codes|wav_out_of_codes)",
        r"encodec/decode_of_.+_row\d+",
        r"train/(lut_T\d+_L\d+|rand|mask_probs|spans_mask|loss_mask|loss_stage\d+)",
        "codes",
    )
    known = {match[0] for pattern in looked_at for match in matching(pattern)}
    assert set(table("vectors_index.json")) == known == set(arrays())
