"""Small models under names that a server may be asked for."""

import pytest

from tests.tiny import tiny_sound_model, tiny_speech_model


@pytest.fixture(scope="session")
def small_home(tmp_path_factory):
    """A MASKAUDIO_HOME with the models `small` (sound) and `talk` (speech)."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    tiny_sound_model(home / "models" / "small")
    tiny_speech_model(home / "models" / "talk")
    return home


@pytest.fixture
def small(small_home, monkeypatch):
    """The same for code that runs here."""
    monkeypatch.setenv("MASKAUDIO_HOME", str(small_home))
    return small_home
