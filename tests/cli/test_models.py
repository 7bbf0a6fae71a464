"""maskaudio models, codec, doctor and train --dry-run."""

import json

import numpy as np
import soundfile

from tests.cli.conftest import ROOT


def write_model(folder, **table):
    folder.mkdir(parents=True)
    base = {"format": 1, "kind": "sound", "config": {}, "classes": ["rain", "dog"]}
    base["about"] = {"licence": "Apache-2.0", "summary": "A test", "status": "test", "parameters": 1234}
    (folder / "config.json").write_text(json.dumps(base | table))
    (folder / "model.safetensors").write_bytes(bytes(2000000))


def test_list_and_show_a_local_model(run, tmp_path):
    write_model(tmp_path / "home" / "models" / "mine")
    listed = run("models", "list")
    assert listed.returncode == 0, listed.stderr
    (line,) = [row for row in listed.stdout.decode().splitlines() if row.startswith("mine")]
    assert line.split() == ["mine", "sound", "2.0", "MB", "Apache-2.0", "local", "A", "test"]
    shown = run("models", "show", "mine").stdout.decode()
    assert "1,234" in shown and "dog, rain" in shown and "2 kinds of sound" in shown
    rows = json.loads(run("models", "list", "--json").stdout)
    assert {row["name"]: row["kind"] for row in rows}["mine"] == "sound"


def test_classes_come_with_a_caption_each(run, fails, tmp_path):
    models = tmp_path / "home" / "models"
    write_model(models / "mine", described={"rain": "steady rain", "big dog": "a dog barking"})
    write_model(models / "bare")
    shown = run("models", "show", "mine", "--classes").stdout.decode()
    assert shown == "big dog  a dog barking\nrain     steady rain\n"
    told = json.loads(run("models", "show", "mine", "--classes", "--json").stdout)
    assert told[1] == {"label": "rain", "caption": "steady rain"}
    fails(2, "models", "show", "bare", "--classes", says="bare does not say which sounds it covers")
    published = "facebook/magnet-small-10secs"
    fails(2, "models", "show", published, "--classes", says="does not say which sounds it covers")


def test_every_shipped_class_has_a_caption(run):
    told = json.loads(run("models", "show", "sound", "--classes", "--json").stdout)
    assert len(told) == 204 and all(row["label"] and row["caption"] for row in told)


def test_a_damaged_model_is_listed_as_such(run, tmp_path):
    write_model(tmp_path / "home" / "models" / "bad", format=99)
    done = run("models", "list")
    assert done.returncode == 0
    assert "not a maskaudio model of format 1" in done.stdout.decode()


def test_show_what_is_not_there(fails):
    fails(2, "models", "show", "nothing", says="unknown model 'nothing'")


def test_a_model_of_the_wrong_kind(fails, tmp_path):
    write_model(tmp_path / "home" / "models" / "mine", kind="codec")
    fails(2, "generate", "rain", "-m", "mine", says="'mine' is a codec model")


def test_doctor(run, model):
    done = run("doctor", "--json", "--threads", "1")
    report = json.loads(done.stdout)
    assert report["versions"]["torch"] and report["devices"]["cpu"]
    assert (done.returncode == 0) == (report["failed"] == [])


def test_codec_there_and_back(run, codec):
    time = np.arange(24000) / 24000
    soundfile.write(run.work / "in.wav", 0.3 * np.sin(2 * np.pi * 440 * time), 24000)
    assert run("codec", "encode", "in.wav", "-q", "-m", codec).returncode == 0
    described = json.loads(run("codec", "info", "in.safetensors", "--json").stdout)
    assert described["duration"] == 1.0 and described["streams"] >= 2 and len(described["codec_hash"]) >= 8
    assert described["bytes"] < 5000
    assert run("codec", "decode", "in.safetensors", "-o", "out.flac", "-q", "-m", codec).returncode == 0
    assert soundfile.info(run.work / "out.flac").frames == 24000


def test_train_dry_run(run):
    rng = np.random.default_rng(0)
    (run.work / "data").mkdir()
    for name in "abcdef":
        soundfile.write(run.work / "data" / f"{name}.wav", 0.1 * rng.standard_normal(36000), 24000)
    (run.work / "data" / "broken.wav").write_bytes(b"no audio")
    (run.work / "r.yaml").write_text(
        "tokens: {steps: 100, batch: 2, seconds: 0.64}\nwaves: {steps: 100, batch: 2, seconds: 0.64}\n"
    )
    done = run("train", "codec", "r.yaml", "--data", "data", "-o", "run", "--dry-run")
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert (
        "train    5 clips, 0.00 h" in text
        and "valid    1 clips" in text
        and "refused  1 clips" in text
        and "broken.wav" in text
    )
    assert "tokens: about" in text and "waves: about" in text
    assert not (run.work / "run").exists()


def test_every_command_tells_in_json_what_it_did(run, codec, model):
    """--json: one object on stdout, whatever the command."""
    run("generate", "rain", "-d", "1", "--seed", "1", "-m", model, "-o", "rain.wav")
    voice = ROOT / "models" / "speech" / "voices" / "ada.safetensors"
    asked = {
        "encode": ("codec", "encode", "rain.wav", "-o", "rain.safetensors", "-m", codec),
        "info": ("codec", "info", "rain.safetensors"),
        "decode": ("codec", "decode", "rain.safetensors", "-m", codec, "-o", "again.wav"),
        "inspect": ("inspect", "rain.wav"),
        "add": ("voices", "add", "mine", voice),
        "show": ("voices", "show", "mine"),
        "export": ("voices", "export", "mine", "-o", "mine.safetensors"),
        "remove": ("voices", "remove", "mine"),
        "voices": ("voices", "list"),
        "models": ("models", "list"),
    }
    for name, command in asked.items():
        done = run(*command, "--json")
        assert done.returncode == 0, done.stderr.decode()
        told = json.loads(done.stdout)
        assert told, name
