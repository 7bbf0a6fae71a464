"""Published models by name, end to end and without a network: a hub's cache is laid out on the disk."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from maskaudio.checkpoints.catalogue import MAGNET_FILES, MASKGCT_FILES, PUBLISHED
from tests.cli.conftest import environment
from tests.published import magnet, maskgct

MAGNET, MASKGCT = "facebook/magnet-small-10secs", "amphion/MaskGCT"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The environment of a machine whose hub cache holds both families, tiny, and nothing else."""
    cache = tmp_path_factory.mktemp("hub")
    held(cache, MAGNET, magnet.ROOT, MAGNET_FILES)
    held_text_encoder(cache)
    source = maskgct.tiny_published(tmp_path_factory.mktemp("maskgct"))
    assert all((source / name).is_file() for name in MASKGCT_FILES)
    held(cache, MASKGCT, source, tuple(str(p.relative_to(source)) for p in source.rglob("*") if p.is_file()))
    return {"HF_HUB_CACHE": str(cache), "MASKAUDIO_HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture(scope="module")
def pulled(hub, tmp_path_factory):
    """The same, with both models pulled, and what was said of them."""
    env = environment(Path(hub["MASKAUDIO_HOME"])) | hub
    said = {}
    for name in (MAGNET, MASKGCT):
        command = [sys.executable, "-m", "maskaudio", "models", "pull", name, "--offline", "--json"]
        said[name] = subprocess.run(
            command, env=env, cwd=tmp_path_factory.mktemp("work"), capture_output=True
        )
    return hub, said


def held(cache: Path, repository: str, source: Path, files: tuple[str, ...]) -> None:
    """Lay a repository out as huggingface_hub keeps it."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for number, name in enumerate(files):
        blob, link = place / "blobs" / str(number), place / "snapshots" / COMMIT / name
        for folder in (blob.parent, link.parent):
            folder.mkdir(parents=True, exist_ok=True)
        blob.write_bytes((source / name).read_bytes())
        link.symlink_to(blob)


def held_text_encoder(cache: Path) -> None:
    """That of the MAGNeT, by the name its settings give it."""
    name = magnet.table("lm_xp_cfg.yaml")["conditioners"]["description"]["t5"]["name"]
    held(cache, name, magnet.ROOT / "t5", ("config.json", "model.safetensors"))
    tiny_tokeniser(cache / f"models--{name}" / "snapshots" / COMMIT / "tokenizer.json")


def tiny_tokeniser(path: Path) -> None:
    """Letters as tokens, the end token behind them, as T5 has it."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    room = json.loads((path.parent / "config.json").read_text())["vocab_size"]
    known = ["<pad>", "</s>", "<unk>", *"etaoinshrdlu"][:room]
    vocab = {token: number for number, token in enumerate(known)}
    tokeniser = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokeniser.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokeniser.post_processor = processors.TemplateProcessing(single="$0 </s>", special_tokens=[("</s>", 1)])
    tokeniser.save(str(path))


@pytest.fixture
def clip(run):
    """Two seconds that are loud enough to be heard."""
    wave = 0.3 * np.sin(np.arange(32000) * 0.07) * np.sin(np.arange(32000) * 0.0004)
    soundfile.write(run.work / "clip.wav", wave, 16000)
    return "clip.wav"


def told(done) -> dict:
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_magnet_is_pulled_converted_and_makes_sound(run, pulled):
    hub, said = pulled
    assert told(said[MAGNET])["kind"] == "magnet" and "CC-BY-NC-4.0" in said[MAGNET].stderr.decode()
    shown = told(run("models", "show", MAGNET, "--json", env=hub))
    assert shown["origin"] == "local" and shown["name"] == MAGNET and not shown["problem"]
    steps = ",".join("4" * magnet.table("lm_xp_cfg.yaml")["transformer_lm"]["n_q"])
    options = ("-d", "0.6", "--seed", "3", "--offline", "--json", "--steps", steps, "-m", MAGNET)
    made = [told(run("generate", "a beat", *options, "-o", f"{i}.wav", env=hub)) for i in (1, 2)]
    assert made[0]["tags"]["model"] == MAGNET
    first, second = ((run.work / f"{i}.wav").read_bytes() for i in (1, 2))
    assert first == second, "same seed, same file"
    wave, rate = soundfile.read(run.work / "1.wav")
    assert rate == magnet.table("compression_xp_cfg.yaml")["sample_rate"]
    assert np.isfinite(wave).all() and wave.std() > 0


def test_a_name_is_all_it_takes(run, hub, tmp_path):
    """No pull before: generate fetches and converts by itself."""
    fresh = hub | {"MASKAUDIO_HOME": str(tmp_path / "fresh")}
    done = run("generate", "a beat", "-d", "0.2", "-m", MAGNET, "--offline", "-o", "a.wav", env=fresh)
    assert done.returncode == 0, done.stderr.decode()
    assert "CC-BY-NC-4.0" in done.stderr.decode()
    again = run("generate", "a beat", "-d", "0.2", "-m", MAGNET, "--offline", "-o", "b.wav", env=fresh)
    assert again.returncode == 0 and "CC-BY-NC-4.0" not in again.stderr.decode(), "only the first time"


def test_maskgct_is_pulled_converted_and_speaks(run, pulled, clip):
    pytest.importorskip("espeakng_loader")
    hub, said = pulled
    assert told(said[MASKGCT])["kind"] == "maskgct"
    options = ("--voice", clip, "--voice-text", "Hello there.", "-m", MASKGCT, "--offline", "--seed", "5")
    made = [
        told(run("speak", "Good morning.", *options, "--json", "-o", f"{i}.wav", env=hub)) for i in (1, 2)
    ]
    assert math.isclose(made[0]["duration"], made[1]["duration"]) and made[0]["duration"] > 0.2
    assert (run.work / "1.wav").read_bytes() == (run.work / "2.wav").read_bytes()


def test_models_are_listed_and_removed(run, hub, tmp_path):
    hub = hub | {"MASKAUDIO_HOME": str(tmp_path / "own")}
    names = {row["name"]: row["origin"] for row in told(run("models", "list", "--json", env=hub))}
    assert set(PUBLISHED) <= set(names) and names["facebook/audio-magnet-small"] == "hub"
    told(run("models", "pull", MAGNET, "--offline", "--json", env=hub))
    assert told(run("models", "remove", MAGNET, "--json", env=hub))["bytes"] > 0
    names = {row["name"]: row["origin"] for row in told(run("models", "list", "--json", env=hub))}
    assert names[MAGNET] == "hub"


def test_what_the_cache_holds_is_removed_when_asked(run, tmp_path):
    held(tmp_path / "hub", MAGNET, magnet.ROOT, MAGNET_FILES)
    env = {"HF_HUB_CACHE": str(tmp_path / "hub")}
    assert told(run("models", "remove", MAGNET, "--downloads", "--json", env=env))["bytes"] > 0
    assert not any(path.is_file() for path in (tmp_path / "hub").rglob("*/blobs/*"))


def test_a_folder_is_converted(run, fails):
    assert told(run("models", "convert", magnet.ROOT, "-o", "out", "--json"))["kind"] == "magnet"
    fails(2, "models", "convert", magnet.ROOT, "-o", "out", says="exists already")
    (run.work / "empty").mkdir()
    fails(2, "models", "convert", "empty", "-o", "other", says="neither MAGNeT's files")
    fails(2, "models", "convert", "nowhere", "-o", "other", says="no such folder")


def test_a_cut_download_leaves_nothing_behind(run, fails, hub, tmp_path):
    cache = tmp_path / "hub"
    held(cache, MAGNET, magnet.ROOT, MAGNET_FILES)
    cut = cache / f"models--{MAGNET.replace('/', '--')}" / "blobs" / "0"
    cut.write_bytes(cut.read_bytes()[:1000])
    held_text_encoder(cache)
    env = {"HF_HUB_CACHE": str(cache), "MASKAUDIO_HOME": str(tmp_path / "home")}
    fails(1, "models", "pull", MAGNET, "--offline", "-q", env=env, says="state_dict.bin")
    assert not list((tmp_path / "home").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("models", "pull", "facebook/audio-magnet-small", "--offline", "-q"), 1, "leave out --offline"),
        (("models", "pull", "facebook/hybrid-magnet-small"), 2, "never published"),
        (("models", "pull", "somebody/something"), 2, "unknown published model"),
        (("models", "remove", "sound"), 2, "comes with maskaudio"),
        (("models", "remove", "facebook/magnet-medium-30secs"), 2, "not on this machine"),
        (("models", "show", "facebook/hybrid-magnet-medium"), 2, "never published"),
        (("speak", "Hello.", "-m", "sound"), 2, "a speech model is needed"),
        (("speak", "Hello.", "--dtype", "int8"), 2, "choose float32"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_line(fails, hub, arguments, code, says):
    fails(code, *arguments, env=hub, says=says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--dtype", "int4"), "choose float32"),
        (("--candidates", "2"), "no ranker"),
        (("--critic",), "critic"),
        (("--steps", "2"), "steps"),
    ],
)
def test_magnet_refuses_what_it_has_not(fails, pulled, options, says):
    fails(2, "generate", "a beat", "-m", MAGNET, "--offline", *options, env=pulled[0], says=says)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--voice-text"),
        (("--voice", "ada", "--voice-text", "Hello."), "no such file"),
        (("--voice", "clip.wav", "--voice-text", "Hello.", "--candidates", "2"), "candidates"),
        (("--voice", "clip.wav", "--voice-text", "Hello.", "--language", "xx"), "language 'xx'"),
    ],
)
def test_maskgct_refuses_what_it_has_not(fails, pulled, clip, options, says):
    fails(2, "speak", "Good morning.", "-m", MASKGCT, "--offline", *options, env=pulled[0], says=says)
