"""Options from a TOML file, the environment and the command line: the nearest to the user wins."""

import json

import pytest


@pytest.fixture
def asked(run, model):
    """asked(*arguments, env=…) → the JSON of the clip that was made."""

    def asked(*arguments, **options):
        done = run(*arguments, "--json", **options)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    return asked


def test_the_nearest_wins(asked, run, model):
    (run.work / "c.toml").write_text(
        f'[generate]\nmodel = "{model}"\nduration = 0.5\nsteps = [3, 1, 1, 1]\nseed = 5\n'
    )
    told = asked("--config", "c.toml", "generate", "rain", "-o", "a.wav")
    assert (told["duration"], told["seed"], told["tags"]["steps"]) == (0.5, 5, "3,1,1,1")
    env = {"MASKAUDIO_CONFIG": "c.toml", "MASKAUDIO_GENERATE_DURATION": "0.75"}
    told = asked("generate", "rain", "-o", "b.wav", "--seed", "6", env=env)
    assert (told["duration"], told["seed"], told["tags"]["steps"]) == (0.75, 6, "3,1,1,1")


def test_lines_of_a_batch_and_nested_commands(asked, run, model):
    (run.work / "c.toml").write_text(
        '[generate]\nduration = 0.5\n[batch]\nformat = "flac"\n[models.show]\njson = true\n'
    )
    (run.work / "m.txt").write_text("rain\n")
    told = asked("--config", "c.toml", "batch", "m.txt", "-o", "out", "-m", model)
    assert told["duration"] == 0.5 and told["file"].endswith(".flac")
    assert json.loads(run("--config", "c.toml", "models", "show", "sound").stdout)["name"] == "sound"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[generate]\nduraton = 1\n", "duraton"),
        ("[sing]\nx = 1\n", "no such command"),
        ("generate = 1\n", "no such command"),
        ("[edit.sing]\nx = 1\n", "no such command"),
        ('[generate]\nduration = "x"\n', "--duration"),
        ("rain", "not TOML"),
    ],
)
def test_what_cannot_be_is_said(fails, run, text, says):
    (run.work / "c.toml").write_text(text)
    fails(2, "--config", "c.toml", "generate", "rain", says=says)


def test_a_missing_file(fails):
    fails(2, "--config", "nowhere.toml", "generate", "rain", says="no such file")
