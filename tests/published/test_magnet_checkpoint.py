"""Audiocraft's checkpoints as model folders: every name accounted for, whatever is foreign refused."""

import json
import os
import pickle
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.checkpoints.folder import read_weights
from maskaudio.codec.load import load_codec
from maskaudio.codec.seanet import SeanetCodec
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.networks.magnet import MagnetNetwork
from maskaudio.published import audiocraft
from maskaudio.published.audiocraft import check_name, magnet, published_name, source_name
from maskaudio.published.compression import from_audiocraft
from maskaudio.published.convert import convert
from maskaudio.published.pickles import read_pickle
from maskaudio.published.reading import Settings
from tests.published.magnet import ROOT, converted, network, table

MODEL, CODEC = "state_dict.bin", "compression_state_dict.bin"


@pytest.fixture
def published(tmp_path):
    """A copy of the published folder, to be spoilt."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name in (MODEL, CODEC):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def changed(path: Path, change) -> None:
    """The checkpoint in `path` after change(best_state, settings)."""
    checkpoint = torch.load(path, weights_only=True)
    settings = yaml.safe_load(checkpoint["xp.cfg"])
    change(checkpoint["best_state"], settings)
    torch.save(checkpoint | {"xp.cfg": yaml.safe_dump(settings)}, path)


def refused(source: Path, out: Path, kind: type = MaskaudioError) -> str:
    """The one line that says why; nothing is left behind."""
    with pytest.raises(kind) as caught:
        convert(source, out)
    assert not out.exists() and not list(out.parent.glob(f".{out.name}*")), "something is left"
    line = str(caught.value)
    assert line and "\n" not in line
    return line


def test_the_set_is_whole():
    """A file that is missing fails instead of being passed over: also one that only its README names."""
    names = [MODEL, CODEC, "t5/model.safetensors", "redirect/encodec_hf/model.safetensors"]
    if (ROOT / "README.md").is_file():
        names += re.findall(r"^\| ([\w/.]+) ", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    assert [name for name in names if "." in name and not (ROOT / name).is_file()] == []


def test_a_folder_says_what_it_is():
    settings, about = table("lm_xp_cfg.yaml"), json.loads((converted() / "config.json").read_text())
    assert about["kind"] == "magnet" and about["about"]["licence"] == "CC-BY-NC-4.0"
    assert about["text"] == settings["conditioners"]["description"]["t5"]["name"]
    assert len(about["plan"]["stages"]) == settings["transformer_lm"]["n_q"]
    state = read_pickle(ROOT / MODEL)["best_state"]
    assert about["about"]["parameters"] == sum(tensor.numel() for tensor in state.values())
    assert not [path for path in converted().rglob("*") if path.suffix not in ("", ".json", ".safetensors")]


@pytest.mark.parametrize("path", sorted(ROOT.rglob(MODEL)), ids=lambda p: p.parent.name)
def test_weights_keep_their_precision_and_their_values(path, tmp_path):
    """The same model may be there in several precisions: all give the network that is tested elsewhere."""
    shutil.copyfile(path, tmp_path / MODEL)
    shutil.copyfile(ROOT / CODEC, tmp_path / CODEC)
    convert(tmp_path, tmp_path / "model")
    kept, state = read_weights(tmp_path / "model"), read_pickle(path)["best_state"]
    assert {tensor.dtype for tensor in kept.values()} == {tensor.dtype for tensor in state.values()}
    for name, tensor in network().state_dict().items():
        assert torch.equal(kept[name].float(), tensor)


def test_a_codec_alone_becomes_a_codec(published, tmp_path):
    (published / MODEL).unlink()
    convert(published, tmp_path / "codec")
    made = load_codec(str(tmp_path / "codec"))
    assert made.sample_rate == table("compression_xp_cfg.yaml")["sample_rate"]


def test_a_codec_that_is_only_named_is_fetched(published, tmp_path, monkeypatch):
    named = torch.load(ROOT / "redirect" / CODEC, weights_only=True)
    shutil.copyfile(ROOT / "redirect" / CODEC, published / CODEC)
    asked = []
    monkeypatch.setattr(
        audiocraft, "fetch", lambda name, files: asked.append(name) or ROOT / "redirect" / "encodec_hf"
    )
    convert(published, tmp_path / "model")
    assert asked == [named["pretrained"]]
    codec = json.loads((tmp_path / "model" / "config.json").read_text())["codec"]
    wanted = json.loads((converted() / "config.json").read_text())["codec"]
    kept = read_weights(tmp_path / "model" / codec)
    for name, tensor in read_weights(converted() / wanted).items():
        assert torch.equal(kept[name], tensor)


@pytest.mark.parametrize("name", [MODEL, CODEC])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_file_cut_short(name, share, published, tmp_path):
    data = (published / name).read_bytes()
    (published / name).write_bytes(data[: int(share * len(data))])
    line = refused(published, tmp_path / "model")
    assert name in line and "cut short" in line


def test_a_missing_file_and_a_folder_with_nothing(published, tmp_path):
    (published / CODEC).unlink()
    assert CODEC in refused(published, tmp_path / "model", UsageError)
    (published / MODEL).unlink()
    refused(published, tmp_path / "model", UsageError)


class Trap:
    """What a pickle may do when it is read carelessly."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", [MODEL, CODEC])
@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_wants_to_run_something_is_refused_and_nothing_is_run(
    name, protocol, published, tmp_path
):
    mark = tmp_path / "mark"
    checkpoint = torch.load(published / name, weights_only=True) | {"extra": Trap(mark)}
    torch.save(checkpoint, published / name, pickle_protocol=protocol)
    line = refused(published, tmp_path / "model")
    assert "refused" in line and not mark.exists()


@given(
    place=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), name=st.sampled_from([MODEL, CODEC])
)
@settings(max_examples=25, deadline=None)
def test_a_damaged_pickle_is_one_line_or_harmless(tmp_path_factory, place, byte, name):
    """Its checksum is right: it was written so."""
    folder = tmp_path_factory.mktemp("damaged")
    for whole in (MODEL, CODEC):
        shutil.copyfile(ROOT / whole, folder / whole)
    with zipfile.ZipFile(ROOT / name) as old, zipfile.ZipFile(folder / name, "w") as new:
        for entry in old.namelist():
            data = bytearray(old.read(entry))
            if entry.endswith("data.pkl"):
                data[int(place * len(data))] = byte
            new.writestr(entry, bytes(data))
    try:
        convert(folder, folder / "model")
    except MaskaudioError as error:
        assert "\n" not in str(error) and not (folder / "model").exists()


def test_a_bare_pickle_is_not_read(published, tmp_path):
    mark = tmp_path / "mark"
    (published / MODEL).write_bytes(pickle.dumps(Trap(mark)))
    refused(published, tmp_path / "model")
    assert not mark.exists()


def test_another_kind_of_model(published, tmp_path):
    changed(published / MODEL, lambda _, settings: settings.update(lm_model="transformer_lm"))
    assert "'transformer_lm', not MAGNeT" in refused(published, tmp_path / "model")


@pytest.mark.parametrize("what", ["hybrid-magnet-small", "facebook/hybrid-magnet-medium"])
def test_hybrids_are_told_by_name(what, published, tmp_path):
    with pytest.raises(UsageError, match="never published"):
        check_name(what)
    place = published.rename(tmp_path / what.replace("/", "--"))
    assert "hybrid" in refused(place, tmp_path / "model", UsageError)


def test_what_a_folder_is_called(tmp_path):
    cached = tmp_path / "models--facebook--magnet-small-10secs" / "snapshots" / "0123456789abcdef"
    cached.mkdir(parents=True)
    assert source_name(cached) == "facebook/magnet-small-10secs"
    assert source_name(tmp_path / "mine") == "mine"


def settings_of(name):
    return lambda _, settings: settings["transformer_lm"].pop(name)


SPOILT = {
    "an unknown setting": (MODEL, lambda _, s: s["transformer_lm"].update(gates=2), "transformer_lm.gates"),
    "a setting of another network": (MODEL, lambda _, s: s["transformer_lm"].update(bias_ff=True), "bias_ff"),
    "a missing setting": (MODEL, settings_of("dim"), "transformer_lm.dim"),
    "a missing rule": (MODEL, settings_of("norm_first"), "norm_first"),
    "a setting that is no number": (MODEL, lambda _, s: s["transformer_lm"].update(dim="wide"), "dim"),
    "heads that do not share": (MODEL, lambda _, s: s["transformer_lm"].update(num_heads=7), "heads"),
    "a text that is prepended": (MODEL, lambda _, s: s["fuser"].update(prepend=["description"]), "prepend"),
    "another text encoder": (MODEL, lambda _, s: s["conditioners"]["description"].update(model="clap"), "t5"),
    "no spans": (MODEL, lambda _, s: s.pop("masking"), "masking.span_len"),
    "a table that is none": (MODEL, lambda _, s: s.update(transformer_lm=3), "transformer_lm"),
    "a missing tensor": (MODEL, lambda w, _: w.pop("emb.0.weight"), "emb.0.weight"),
    "an unknown tensor": (MODEL, lambda w, _: w.update({"emb.99.weight": torch.zeros(2)}), "emb.99.weight"),
    "a tensor of another shape": (
        MODEL,
        lambda w, _: w.update({"out_norm.bias": torch.zeros(3)}),
        "norm.bias",
    ),
    "no tensor": (MODEL, lambda w, _: w.update({"out_norm.bias": "wide"}), "table of tensors"),
    "a missing setting of the codec": (CODEC, lambda _, s: s["seanet"].pop("ratios"), "seanet.ratios"),
    "an unknown setting of the codec": (CODEC, lambda _, s: s["seanet"].update(gates=2), "seanet.gates"),
    "another quantiser": (CODEC, lambda _, s: s["encodec"].update(quantizer="no_quant"), "no_quant"),
    "a stereo codec": (CODEC, lambda _, s: s.update(channels=2), "channels"),
    "a padding of its own": (CODEC, lambda _, s: s["seanet"].update(pad_mode="circular"), "circular"),
    "a loop of references": (CODEC, lambda _, s: s.update(channels="${channels}"), "refers to itself"),
    "a missing tensor of the codec": (
        CODEC,
        lambda w, _: w.pop("decoder.model.0.conv.conv.bias"),
        "decoder.",
    ),
    "an unknown tensor of the codec": (CODEC, lambda w, _: w.update(extra=torch.zeros(2)), "'extra'"),
    "another codec": (CODEC, lambda _, s: s.update(compression_model="dac"), "dac"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_whatever_does_not_fit_is_named(what, published, tmp_path):
    name, change, named = SPOILT[what]
    changed(published / name, change)
    line = refused(published, tmp_path / "model")
    assert named in line and name in line


def test_settings_that_are_no_yaml_and_checkpoints_of_something_else(published, tmp_path):
    for spoilt, named in (
        ({"xp.cfg": "a: [", "best_state": {}}, "not YAML"),
        ({"xp.cfg": "just words", "best_state": {}}, "no table"),
        ({"xp.cfg": 3, "best_state": {}}, "xp.cfg"),
        ({"weights": torch.zeros(2)}, "no checkpoint that audiocraft exported"),
        ([1, 2], "no table"),
    ):
        torch.save(spoilt, published / MODEL)
        assert named in refused(published, tmp_path / "model")


def test_a_full_disk_leaves_nothing(published, tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))  # bytes of a file: as a full disk would
    try:
        line = refused(published, tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written" in line


def test_what_is_there_is_left_alone(published, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine").touch()
    with pytest.raises(UsageError, match="exists already"):
        convert(published, tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["mine"]


SMALL = {"dim": 1024, "num_heads": 16, "num_layers": 24}
MEDIUM = {"dim": 1536, "num_heads": 24, "num_layers": 48}


@pytest.mark.parametrize(
    "shape, text, seconds, parameters",
    [
        (SMALL, 768, 10, 420_371_456),
        (SMALL, 768, 30, 420_371_456),
        (MEDIUM, 768, 10, 1_838_737_920),
        (MEDIUM, 768, 30, 1_838_737_920),
        (SMALL, 1024, 10, 420_633_600),
        (MEDIUM, 1024, 10, 1_839_131_136),
    ],
)
def test_the_published_shapes(shape, text, seconds, parameters):
    """The six checkpoints in their true size, without their weights: each tensor has its place."""
    state = published_tensors(**shape, text=text)
    assert sum(tensor.numel() for tensor in state.values()) == parameters
    settings = table("lm_xp_cfg.yaml")
    settings["transformer_lm"] |= {**shape, "n_q": 4, "card": 2048, "hidden_scale": 4, "subcodes_context": 5}
    settings["dataset"]["segment_duration"] = seconds
    config, weights = magnet(Settings(settings, "published"), state, 50.0)
    with torch.device("meta"):
        own = MagnetNetwork(config)
    assert sum(p.numel() for p in own.parameters()) == parameters
    assert {published_name(name) for name in own.state_dict()} == set(state)
    assert {n: t.shape for n, t in weights.items()} == {n: t.shape for n, t in own.state_dict().items()}
    assert config.frames == 50 * seconds
    spare = {**state, "emb.4.weight": torch.empty(1, device="meta")}
    with pytest.raises(MaskaudioError, match=r"unknown tensor 'emb\.4\.weight'"):
        magnet(Settings(settings, "published"), spare, 50.0)
    for name in ("transformer.layers.7.cross_attention.in_proj_weight", "out_norm.weight"):
        with pytest.raises(MaskaudioError, match=f"the tensor '{name}' is missing"):
            magnet(Settings(settings, "published"), {n: t for n, t in state.items() if n != name}, 50.0)


def published_tensors(dim, num_heads, num_layers, text):
    """Names and shapes as they are in state_dict.bin."""
    shapes = {
        "condition_provider.conditioners.description.output_proj.weight": (dim, text),
        "condition_provider.conditioners.description.output_proj.bias": (dim,),
        "out_norm.weight": (dim,),
        "out_norm.bias": (dim,),
    }
    for k in range(4):
        shapes |= {f"emb.{k}.weight": (2049, dim), f"linears.{k}.weight": (2048, dim)}
    for layer in (f"transformer.layers.{i}" for i in range(num_layers)):
        for attention in ("self_attn", "cross_attention"):
            shapes[f"{layer}.{attention}.in_proj_weight"] = (3 * dim, dim)
            shapes[f"{layer}.{attention}.out_proj.weight"] = (dim, dim)
        shapes |= {f"{layer}.linear1.weight": (4 * dim, dim), f"{layer}.linear2.weight": (dim, 4 * dim)}
        for norm in ("norm1", "norm_cross", "norm2"):
            shapes |= {f"{layer}.{norm}.weight": (dim,), f"{layer}.{norm}.bias": (dim,)}
    return {n: torch.empty(s, dtype=torch.float16, device="meta") for n, s in shapes.items()}


@pytest.mark.parametrize("rate, ratios", [(32000, (8, 5, 4, 4)), (16000, (8, 5, 4, 2))])
def test_the_published_codecs(rate, ratios):
    """Both compression models in their true size, without their weights."""
    state = published_codec_tensors(ratios)
    settings = table("compression_xp_cfg.yaml")
    settings |= {"sample_rate": rate}
    settings["seanet"] |= {"ratios": list(ratios), "dimension": 128, "n_filters": 64, "lstm": 2}
    settings["seanet"] |= {"kernel_size": 7, "residual_kernel_size": 3, "last_kernel_size": 7, "compress": 2}
    settings["seanet"] |= {"n_residual_layers": 1, "dilation_base": 2, "true_skip": True}
    settings["rvq"] |= {"n_q": 4, "bins": 2048}
    config, weights = from_audiocraft(Settings(settings, "published"), state)
    with torch.device("meta"):
        own = SeanetCodec(config)
    assert own.frame_rate == 50.0
    assert {n: t.shape for n, t in weights.items()} == {n: t.shape for n, t in own.state_dict().items()}
    for name in ("decoder.model.3.convtr.convtr.weight_g", "quantizer.vq.layers.2._codebook.embed"):
        with pytest.raises(MaskaudioError, match="missing"):
            lacking = {n: t for n, t in state.items() if n != name}
            from_audiocraft(Settings(settings, "published"), lacking)


def published_codec_tensors(ratios):
    """Names and shapes as they are in compression_state_dict.bin."""
    shapes = {}

    def conv(name, out, into, kernel, transposed=False):
        shapes[f"{name}.weight_v"] = (into, out, kernel) if transposed else (out, into, kernel)
        shapes[f"{name}.weight_g"] = (into if transposed else out, 1, 1)
        shapes[f"{name}.bias"] = (out,)

    def block(name, width):
        conv(f"{name}.block.1.conv.conv", width // 2, width, 3)
        conv(f"{name}.block.3.conv.conv", width, width // 2, 1)

    def lstm(name, width):
        for layer in (0, 1):
            for which in ("ih", "hh"):
                shapes[f"{name}.lstm.weight_{which}_l{layer}"] = (4 * width, width)
                shapes[f"{name}.lstm.bias_{which}_l{layer}"] = (4 * width,)

    conv("encoder.model.0.conv.conv", 64, 1, 7)
    conv("decoder.model.0.conv.conv", 1024, 128, 7)
    for i, (up, down) in enumerate(zip(ratios, reversed(ratios), strict=True)):
        wide, narrow = 64 * 2**i, 1024 // 2**i
        block(f"encoder.model.{1 + 3 * i}", wide)
        conv(f"encoder.model.{3 + 3 * i}.conv.conv", 2 * wide, wide, 2 * down)
        conv(f"decoder.model.{3 + 3 * i}.convtr.convtr", narrow // 2, narrow, 2 * up, transposed=True)
        block(f"decoder.model.{4 + 3 * i}", narrow // 2)
    lstm("encoder.model.13", 1024)
    lstm("decoder.model.1", 1024)
    conv("encoder.model.15.conv.conv", 128, 1024, 7)
    conv("decoder.model.15.conv.conv", 1, 64, 7)
    for k in range(4):
        book = f"quantizer.vq.layers.{k}._codebook"
        shapes |= {f"{book}.inited": (1,), f"{book}.cluster_size": (2048,)}
        shapes |= {f"{book}.embed": (2048, 128), f"{book}.embed_avg": (2048, 128)}
    return {n: torch.empty(s, device="meta") for n, s in shapes.items()}
