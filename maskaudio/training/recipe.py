"""Recipes: one YAML file that says what to train, on which clips, for how long."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskaudio.codec.bands import BandsConfig
from maskaudio.codec.neural import CodecConfig
from maskaudio.codec.semantic import TokeniserConfig
from maskaudio.config import from_dict
from maskaudio.errors import UsageError, first_line
from maskaudio.networks.ranker import RankerConfig
from maskaudio.networks.text_encoder import TextConfig
from maskaudio.training.clips import Clip, Refused, find_clips
from maskaudio.training.spoken import unspeakable
from maskaudio.training.trainer import Schedule


@dataclass(frozen=True)
class Phase(Schedule):
    """One stretch of training: a schedule, and how many clips of how many seconds make a batch."""

    batch: int = 16
    seconds: float = 2.56


@dataclass(frozen=True)
class RankerPhase(Phase):
    """How a ranker of candidates is trained, and its shape."""

    model: RankerConfig = field(default_factory=RankerConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds < 0.5:
            raise UsageError(
                f"ranker.seconds: {self.seconds:g}: clips of half a second or more can be told apart"
            )


@dataclass(frozen=True)
class Data:
    """Which clips to use."""

    without: dict[str, Any] = field(default_factory=dict)  # clips whose metadata say this are left out
    valid_share: float = 0.02  # kept for validation where the metadata name no split
    tones: dict[str, tuple[float, ...]] = field(default_factory=dict)  # Hz to take out, by a clip's `source`


@dataclass(frozen=True)
class CodecRecipe:
    """`maskaudio train codec`: log-mel ⇄ tokens, then tokens → waves; of `bands` the former alone."""

    tokens: Phase
    waves: Phase | None = None
    model: CodecConfig = field(default_factory=CodecConfig)
    bands: BandsConfig | None = None  # in place of `model`: a codec of frequency bands
    disguised: float = 0.5  # share of the windows heard as if from another source
    about: dict[str, Any] = field(default_factory=dict)  # summary, licence, status: for `models show`
    data: Data = field(default_factory=Data)

    def __post_init__(self) -> None:
        if (self.waves is None) != (self.bands is not None):
            raise UsageError("waves: a codec needs this phase, one of bands has its host's vocoder")
        if not 0 <= self.disguised <= 1:
            raise UsageError(f"disguised: {self.disguised:g}: a share of the windows lies between 0 and 1")


@dataclass(frozen=True)
class TokeniserRecipe:
    """`maskaudio train speech-tokens`: speech → tokens that say what is said."""

    training: Schedule
    model: TokeniserConfig = field(default_factory=TokeniserConfig)
    seconds: float = 60.0  # of audio in a batch
    about: dict[str, Any] = field(default_factory=dict)  # summary, licence, status: for `models show`
    data: Data = field(default_factory=Data)


@dataclass(frozen=True)
class SpeechRecipe:
    """`maskaudio train speech`: text → speech on the tokens of `tokens` and `codec` (names or folders)."""

    training: Schedule
    codec: str = "codec"
    tokens: str = "speech-tokens"
    streams: int | None = None  # of the codec's, coarse to fine; absent: all of them
    dim: int = 256  # of what frames are asked
    semantic: dict[str, Any] = field(default_factory=dict)  # what differs from TransformerConfig
    acoustic: dict[str, Any] = field(default_factory=dict)
    span: int = 2  # frames
    frames: int = 2400  # in a batch, over all clips
    takes: int = 3  # of every clip: further ones are in other voices
    text_share: float = 0.2  # of the steps teach text → semantic; 0: that stage stays as --from gives it
    keep: float = 0.0  # share of the weights that --from gives in the finished ones: their mean errs less
    about: dict[str, Any] = field(default_factory=dict)  # summary, licence, status: for `models show`
    data: Data = field(default_factory=Data)

    def __post_init__(self) -> None:
        if not 0 <= self.text_share < 1:
            raise UsageError(f"text_share: {self.text_share:g}: a share of the steps is 0 or more, below 1")
        if not 0 <= self.keep < 1:
            raise UsageError(f"keep: {self.keep:g}: a share of the weights is 0 or more, below 1")


@dataclass(frozen=True)
class SoundRecipe:
    """`maskaudio train sound`: text → sound on the tokens of `codec` (a model name or folder)."""

    training: Schedule
    prior: Phase | None = None  # what the text alone says of the codes, learned first; then kept
    critic: Schedule | None = None  # what doubts codes that the finished network has made up
    ranker: RankerPhase | None = None  # what chooses among candidates, learned last
    codec: str = "codec"
    streams: int | None = None  # of the codec's, coarse to fine; absent: all of them
    words: str = "words"  # the table of word-piece embeddings the text encoder starts from
    transformer: dict[str, Any] = field(default_factory=dict)  # what differs from TransformerConfig
    text: TextConfig = field(default_factory=TextConfig)
    span: int = 2  # frames
    frames: int = 1600  # in a batch, over all clips
    first: float = 0.4  # share of the steps that ask for the first stream, which decides what is heard
    about: dict[str, Any] = field(default_factory=dict)  # summary, licence, status: for `models show`
    corrupted: float = 0.1  # at most this share of a clip's visible codes is wrong
    mixes: int = 1500  # pairs of clips heard at once, made on the way
    takes: int = 1  # of every clip: further ones are a fraction of a frame late and a little softer or louder
    data: Data = field(default_factory=Data)

    def __post_init__(self) -> None:
        if not 0 < self.first <= 1:
            raise UsageError(f"first: {self.first:g}: a share of the steps is above 0 and at most 1")
        if not 0 <= self.corrupted < 1:
            raise UsageError(f"corrupted: {self.corrupted:g}: a share of the codes is 0 or more, below 1")


def read_recipe(cls: type, path: Path, overrides: list[str] | None = None) -> Any:
    """The recipe at `path` as the dataclass `cls`, with `key.sub=value` overrides (values are YAML)."""
    import yaml

    try:
        table = _read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot read the recipe ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {first_line(error)}") from None
    if not isinstance(table, dict):
        raise UsageError(f"{path}: a recipe is a table of fields")
    for item in overrides or []:
        key, equals, value = item.partition("=")
        if not equals:
            raise UsageError(f"--set {item}: expected key=value")
        *parents, last = key.split(".")
        place = table
        try:
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = _read_yaml(value)
        except (AttributeError, TypeError):
            raise UsageError(f"--set {item}: '{key}' leads through something that has no fields") from None
        except yaml.YAMLError:
            raise UsageError(f"--set {item}: '{value}' is not YAML") from None
    return from_dict(cls, table, path.name)


def recipe_clips(
    data: Data,
    sources: list[Path],
    *,
    captioned: bool = False,
    spoken: bool = False,
    hear: Callable[[list[Clip]], list[Clip]] | None = None,
) -> tuple[list[Clip], list[Refused]]:
    """The clips of all `sources` that the recipe wants, and the refused ones with reasons.

    Where none was set aside for validation (a small folder), the last one is. `captioned`: those without
    a caption are refused; `spoken`: those whose text nobody can say. hear: gives clips without text one.
    """
    clips: list[Clip] = []
    refused: list[Refused] = []
    for source in sources:
        found, bad = find_clips(source, data.valid_share)
        refused += bad
        for clip in hear(found) if hear else found:
            odd = [k for k, v in data.without.items() if clip.fields.get(k) == v]
            if odd:
                refused.append(Refused(clip.name, f"left out by the recipe: {odd[0]}={data.without[odd[0]]}"))
            elif captioned and not clip.captions:
                refused.append(Refused(clip.name, "no caption"))
            elif spoken and (why := unspeakable(clip)):
                refused.append(Refused(clip.name, why))
            else:
                clips.append(clip)
    if len(clips) > 1 and not any(clip.split == "valid" for clip in clips):
        clips[-1] = replace(clips[-1], split="valid")
    return clips, refused


def _read_yaml(text: str) -> Any:
    """YAML in which 3e-4 is a number, too: YAML 1.1 wants a point in it and takes it for a word."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
    )
    return yaml.load(text, Loader)
