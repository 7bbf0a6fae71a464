"""The published models that can be had by name: what they are, under which licence, how large."""

from dataclasses import dataclass

from maskaudio.errors import UsageError

NONCOMMERCIAL = "CC-BY-NC-4.0"
TEXT_ENCODER_FILES = ("config.json", "tokenizer.json", "model.safetensors")
EAR_FILES = ("config.json", "model.safetensors")
MAGNET_FILES = ("state_dict.bin", "compression_state_dict.bin")
MASKGCT_FILES = (
    "semantic_codec/model.safetensors",
    "acoustic_codec/model.safetensors",
    "acoustic_codec/model_1.safetensors",
    "t2s_model/model.safetensors",
    "s2a_model/s2a_model_1layer/model.safetensors",
    "s2a_model/s2a_model_full/model.safetensors",
)


@dataclass(frozen=True)
class Published:
    """A model on the hub, and which of its files are needed."""

    name: str
    kind: str
    summary: str
    files: tuple[str, ...]
    gigabytes: float  # to fetch, with the model it stands on
    parameters: int
    licence: str = NONCOMMERCIAL


def _magnet(name: str, what: str, parameters: int, gigabytes: float) -> Published:
    summary = f"MAGNeT, text to {what}, by Meta"
    return Published(f"facebook/{name}", "magnet", summary, MAGNET_FILES, gigabytes, parameters)


PUBLISHED = {
    model.name: model
    for model in (
        _magnet("magnet-small-10secs", "10 s of music", 420_371_456, 2.0),
        _magnet("magnet-small-30secs", "30 s of music", 420_371_456, 2.0),
        _magnet("magnet-medium-10secs", "10 s of music", 1_838_737_920, 4.8),
        _magnet("magnet-medium-30secs", "30 s of music", 1_838_737_920, 4.8),
        _magnet("audio-magnet-small", "10 s of sound", 420_633_600, 4.0),
        _magnet("audio-magnet-medium", "10 s of sound", 1_839_131_136, 6.9),
        Published(
            "amphion/MaskGCT",
            "maskgct",
            "MaskGCT, speech in the voice of a clip, by Amphion",
            MASKGCT_FILES,
            8.9,
            1_645_214_226,
        ),
    )
}
REFUSED = dict.fromkeys(
    ("facebook/hybrid-magnet-small", "facebook/hybrid-magnet-medium"),
    "its way of decoding was never published, so that its weights cannot be used as they are meant",
)


def published(name: str) -> Published:
    """The published model of this name. Raises UsageError for those that cannot be used, or are not known."""
    if name in REFUSED:
        raise UsageError(f"{name}: {REFUSED[name]}")
    if name not in PUBLISHED:
        raise UsageError(f"unknown published model '{name}' (there is: {', '.join(PUBLISHED)})")
    return PUBLISHED[name]


def slug(name: str) -> str:
    """The name of the folder of a model: owner--model for a published one."""
    return name.replace("/", "--") if name in PUBLISHED else name


def unslug(folder: str) -> str:
    """The name of the model in a folder of this name."""
    name = folder.replace("--", "/", 1)
    return name if name in PUBLISHED else folder
