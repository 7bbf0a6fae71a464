"""Bad input: one line that says what and what to do, the right exit code, no file left."""

import numpy as np
import pytest
import soundfile


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), "PROMPT"),
        (("",), "prompt is empty"),
        (("   ",), "prompt is empty"),
        (("rain", "--no-such-flag"), "--no-such-flag"),
        (("rain", "-d", "ten"), "--duration"),
        (("rain", "-n", "0"), "--count"),
        (("rain", "--steps", "4,x"), "several such as"),
        (("rain", "--device", "tpu"), "--device"),
        (("rain", "-f", "aac"), "unknown format 'aac'"),
        (("rain", "-o", "x.aac"), "unknown format '.aac'"),
        (("rain", "-o", "name"), "says no format"),
        (("rain", "-o", "missing/x.wav"), "no such folder"),
        (("rain", "-o", "missing/"), "no such folder"),
        (("rain", "-o", "-", "-n", "2"), "stdout holds one clip"),
        (("rain", "-o", "-", "--json"), "both want stdout"),
        (("rain", "--trace", "x.png", "-d", "40"), "--trace"),
        (("rain", "-m", "no/such/folder"), "unknown sound model"),
        (("rain", "-m", "no-such-model"), "unknown sound model 'no-such-model'"),
    ],
)
def test_usage(fails, arguments, says):
    fails(2, "generate", *arguments, says=says)


@pytest.mark.parametrize(
    "option, value",
    [
        ("-d", "0"),
        ("-d", "-3"),
        ("-d", "nan"),
        ("-d", "inf"),
        ("-d", "36000"),
        ("--steps", "0"),
        ("--steps", "1,2"),
        ("--temperature", "nan"),
        ("--temperature", "-1"),
        ("--top-p", "0"),
        ("--guidance", "nan"),
        ("--span", "0"),
        ("--sampler", "magic"),
        ("--schedule", "square"),
        ("--course", "sideways"),
        ("--rescale", "2"),
        ("--interval", "0.5"),
        ("--interval", "1,0.5"),
        ("--rescore", "no-such-model"),
        ("--candidates", "0"),
        ("--space", "outer"),
        ("--hybrid-seconds", "nan"),
    ],
)
def test_values_that_make_no_sense(fails, model, option, value):
    fails(2, "generate", "rain", "-m", model, option, value)


def test_stdin_that_is_not_text(fails):
    fails(2, "generate", "-", input=b"\xff\xfe\x00", says="UTF-8")


def test_corrupt_weights(fails, own_model):
    weights = own_model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    fails(1, "generate", "rain", "-m", own_model, says="model.safetensors")


def test_missing_weights(fails, own_model):
    (own_model / "model.safetensors").unlink()
    fails(1, "generate", "rain", "-m", own_model, says="missing")


def test_truncated_config(fails, own_model):
    config = own_model / "config.json"
    config.write_bytes(config.read_bytes()[:40])
    fails(1, "generate", "rain", "-m", own_model, says="config.json")


def test_unwritable_folder(fails, unwritable, model):
    fails(1, "generate", "rain", "-o", unwritable / "x.wav", "-m", model, says="cannot write there")


def test_full_disk(run, model):
    done = run("generate", "rain", "-d", "0.5", "-f", "wav", "-o", "/dev/full", "-q", "-m", model)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1 and b"No space left" in done.stderr


def test_a_name_too_long_for_the_disk(fails, model):
    fails(1, "generate", "rain", "-o", "x" * 300 + ".wav", "-m", model, says="File name too long")


def test_unknown_command_and_bare_group(fails):
    fails(2, "sing", says="No such command 'sing'")
    fails(2, "models", says="Missing command")


@pytest.mark.parametrize("content", [b"", b"not audio at all " * 20, b"RIFF\x00\x00\x00\x00WAVE"])
def test_codec_of_what_is_no_audio(fails, run, content):
    (run.work / "in.wav").write_bytes(content)
    fails(1, "codec", "encode", "in.wav", says="in.wav")


def test_codec_of_what_is_not_there(fails):
    fails(2, "codec", "encode", "nothing.wav", says="no such file")


def test_train_without_a_recipe_or_data(fails, run):
    fails(2, "train", "codec", "no.yaml", "--data", ".", "-o", "run", says="no.yaml")
    (run.work / "r.yaml").write_text("tokens: {steps: 1}\nwaves: {steps: 1}\n")
    fails(2, "train", "codec", "r.yaml", "--data", "nowhere", "-o", "run", "--dry-run", says="nowhere")
    fails(2, "train", "codec", "r.yaml", "--data", ".", "-o", "run", "--dry-run", says="no audio found")
    fails(1, "train", "codec", "r.yaml", "--data", ".", "-o", "run", "--set", "tokens.stps=1", says="stps")


def test_train_speech_with_a_folder_that_holds_no_recogniser(fails, run):
    (run.work / "r.yaml").write_text("training: {steps: 1}\n")
    soundfile.write(run.work / "a.wav", 0.1 * np.ones(24000), 24000)
    told = ("train", "speech", "r.yaml", "--data", ".", "-o", "run", "--recogniser", ".")
    fails(2, *told, "--dry-run", says="no recogniser")
    fails(2, *told, says="no recogniser")
    fails(2, "train", "codec", *told[2:], says="--recogniser")
