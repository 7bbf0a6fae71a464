"""MaskGCT's published files: every name at true size, conversion, and what is wrong with damaged ones."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from maskaudio.checkpoints.folder import check_tensors
from maskaudio.codec.maskgct_acoustic import AcousticCodec, AcousticCodecConfig
from maskaudio.codec.maskgct_semantic import SemanticCodec, SemanticCodecConfig
from maskaudio.errors import MaskaudioError
from maskaudio.networks.maskgct import (
    AcousticConfig,
    SemanticToAcoustic,
    SemanticToAcousticConfig,
    TextToSemantic,
    TextToSemanticConfig,
)
from maskaudio.published import amphion
from maskaudio.published.amphion_shapes import (
    Shapes,
    acoustic_shape,
    semantic_shape,
    sound_shape,
    text_shape,
)
from maskaudio.published.convert import convert
from tests.published.maskgct import arrays, converted, tiny_published


def linear(name: str, out: int, into: int, bias: bool = True) -> dict[str, list[int]]:
    return {f"{name}.weight": [out, into]} | ({f"{name}.bias": [out]} if bias else {})


def norm(name: str, dim: int) -> dict[str, list[int]]:
    return {f"{name}.weight": [dim], f"{name}.bias": [dim]}


def normed_conv(name: str, out: int, into: int, kernel: int) -> dict[str, list[int]]:
    return {f"{name}.weight_v": [out, into, kernel], f"{name}.weight_g": [out, 1, 1], f"{name}.bias": [out]}


def transformer(dim: int, layers: int = 16) -> dict[str, list[int]]:
    names = linear("diff_estimator.norm.to_weight", dim, dim)
    for mlp in ("diff_step_mlp", "cond_mlp"):
        names |= linear(f"diff_estimator.{mlp}.0", 4 * dim, dim) | linear(
            f"diff_estimator.{mlp}.2", dim, 4 * dim
        )
    for i in range(layers):
        layer = f"diff_estimator.layers.{i}"
        for part in "qkvo":
            names |= linear(f"{layer}.self_attn.{part}_proj", dim, dim, bias=False)
        for part in ("gate", "up"):
            names |= linear(f"{layer}.mlp.{part}_proj", 4 * dim, dim, bias=False)
        names |= linear(f"{layer}.mlp.down_proj", dim, 4 * dim, bias=False)
        for part in ("input_layernorm", "post_attention_layernorm"):
            names |= linear(f"{layer}.{part}.to_weight", dim, dim)
    return names


def text() -> dict[str, list[int]]:
    tables = {"mask_emb.weight": [1, 1536], "cond_emb.weight": [8192, 1536], "phone_emb.weight": [1024, 1536]}
    return tables | linear("to_logit", 8192, 1536) | transformer(1536)


def sound(streams: int) -> dict[str, list[int]]:
    names = {
        "layer_emb.weight": [streams, 1024],
        "mask_emb.weight": [1, 1024],
        "cond_emb.weight": [8192, 1024],
    }
    for i in range(streams):
        names |= {f"token_emb.{i}.weight": [1024, 1024]} | linear(f"to_logits.{i}", 1024, 1024)
    return names | transformer(1024)


def quantiser(streams: int, entries: int, dim: int) -> dict[str, list[int]]:
    names = {}
    for i in range(streams):
        stem = f"quantizer.quantizers.{i}"
        names |= normed_conv(f"{stem}.in_project", 8, dim, 1) | normed_conv(f"{stem}.out_project", dim, 8, 1)
        names[f"{stem}.codebook.weight"] = [entries, 8]
    return names


def backbone(stem: str, channels: int, dim: int, hidden: int, layers: int) -> dict[str, list[int]]:
    names = {f"{stem}.embed.weight": [dim, channels, 7], f"{stem}.embed.bias": [dim]}
    names |= norm(f"{stem}.norm", dim) | norm(f"{stem}.final_layer_norm", dim)
    for i in range(layers):
        block = f"{stem}.convnext.{i}"
        names |= {
            f"{block}.gamma": [dim],
            f"{block}.dwconv.weight": [dim, 1, 7],
            f"{block}.dwconv.bias": [dim],
        }
        names |= norm(f"{block}.norm", dim)
        names |= linear(f"{block}.pwconv1", hidden, dim) | linear(f"{block}.pwconv2", dim, hidden)
    return names


def semantic() -> dict[str, list[int]]:
    names = quantiser(1, 8192, 1024)
    for half in ("encoder", "decoder"):
        names |= backbone(f"{half}.0", 1024, 384, 2048, 12) | linear(f"{half}.1", 1024, 384)
    return names


def encoder() -> dict[str, list[int]]:
    names, dim = normed_conv("block.0", 96, 1, 7), 96
    for b, stride in enumerate((3, 4, 5, 8), 1):
        for unit in range(3):
            stem = f"block.{b}.block.{unit}.block"
            names |= {f"{stem}.0.alpha": [1, dim, 1], f"{stem}.2.alpha": [1, dim, 1]}
            names |= normed_conv(f"{stem}.1", dim, dim, 7) | normed_conv(f"{stem}.3", dim, dim, 1)
        names |= {f"block.{b}.block.3.alpha": [1, dim, 1]}
        names |= normed_conv(f"block.{b}.block.4", 2 * dim, dim, 2 * stride)
        dim *= 2
    return names | {"block.5.alpha": [1, dim, 1]} | normed_conv("block.6", 256, dim, 3)


def decoder() -> dict[str, list[int]]:
    names = quantiser(12, 1024, 256) | backbone("model.backbone", 256, 512, 4096, 30)
    return names | linear("model.head.out", 1922, 512) | {"model.head.istft.window": [1920]}


def meta(names: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in names.items()}


def prefixed(prefix: str, names: dict[str, list[int]]) -> dict[str, list[int]]:
    return {prefix + name: shape for name, shape in names.items()}


@pytest.mark.parametrize(
    ("files", "network", "shape", "config", "tensors", "parameters"),
    [
        ([text()], TextToSemantic, lambda s: text_shape(s, None), TextToSemanticConfig(), [191], 746_399_744),
        (
            [semantic()],
            SemanticCodec,
            lambda s: semantic_shape(s, None),
            SemanticCodecConfig(),
            [239],
            44_289_808,
        ),
        (
            [prefixed("encoder.", encoder()), decoder()],
            AcousticCodec,
            lambda s: acoustic_shape(s, None),
            AcousticCodecConfig(),
            [119, 363],
            42_540_224 + 128_196_162,
        ),
    ],
    ids=["text-to-semantic", "semantic", "acoustic"],
)
def test_true_sizes(files, network, shape, config, tensors, parameters):
    assert [len(names) for names in files] == tensors
    together = meta({name: shape for names in files for name, shape in names.items()})
    assert shape(Shapes(together, "here")) == config
    assert_is_whole(network, config, together, parameters)


def test_true_sizes_of_both_second_networks():
    shapes = [sound_shape(Shapes(meta(sound(n)), "here"), None, "s2a_full") for n in (1, 12)]
    assert shapes == [AcousticConfig(streams=1), AcousticConfig()]
    assert [len(sound(n)) + 1 for n in (1, 12)] == [193, 226]  # and the table without rows
    together = meta(prefixed("first.", sound(1)) | prefixed("full.", sound(12)))
    assert_is_whole(
        SemanticToAcoustic, SemanticToAcousticConfig(*shapes), together, 330_348_544 + 353_439_744
    )


def assert_is_whole(network, config, tensors, parameters):
    with torch.device("meta"):
        module: nn.Module = network(config)
    check_tensors("here", tensors, module)
    assert sum(p.numel() for p in module.parameters()) == parameters
    name = min(tensors)
    with pytest.raises(MaskaudioError, match=f"lack '{name}'"):
        check_tensors("here", {n: t for n, t in tensors.items() if n != name}, module)
    with pytest.raises(MaskaudioError, match="unknown 'zebra'"):
        check_tensors("here", tensors | {"zebra": tensors[name]}, module)


def test_a_published_folder_becomes_one_of_ours(tmp_path):
    out = tmp_path / "out"
    convert(tiny_published(tmp_path / "in"), out)
    about = json.loads((out / "config.json").read_text())
    assert about["kind"] == "maskgct" and about["about"]["licence"] == "CC-BY-NC-4.0"
    assert about["config"] == {"ear": "w2v-bert", "layers": 3}
    published = load_file(tmp_path / "in" / "t2s_model" / "model.safetensors")
    ours = load_file(out / amphion.TEXT / "model.safetensors")
    assert published.keys() == ours.keys()
    assert all(torch.equal(published[name], ours[name]) for name in ours)
    assert not list(tmp_path.glob(".*"))


def test_what_lies_elsewhere_comes_with_us(tmp_path):
    """The hub's repository has neither settings nor statistics nor w2v-bert."""
    place = tiny_published(tmp_path / "in")
    settings = json.loads((place / "maskgct.json").read_text())["model"]
    for name in ("maskgct.json", "wav2vec2bert_stats.safetensors"):
        (place / name).unlink()
    shutil.rmtree(place / "w2v_bert_tiny")
    with pytest.raises(MaskaudioError, match="heads"):  # 16 of them, as published, are too many here
        convert(place, tmp_path / "out")
    (place / "config").mkdir()
    (place / "config" / "maskgct.json").write_text(json.dumps({"model": settings}))
    convert(place, tmp_path / "out")
    table = json.loads((tmp_path / "out" / "config.json").read_text())
    assert table["config"] == {"ear": "facebook/w2v-bert-2.0", "layers": 17}
    statistics = load_file(tmp_path / "out" / "model.safetensors")
    assert {name: list(t.shape) for name, t in statistics.items()} == {"mean": [1024], "var": [1024]}


def test_the_statistics_that_come_with_us_are_the_published_ones():
    """Digest of the mean and variance in ckpt/wav2vec2bert_stats.pt of Amphion's repository."""
    ours = load_file(Path(amphion.__file__).with_name(amphion.STATISTICS))
    data = b"".join(ours[name].numpy().tobytes() for name in ("mean", "var"))
    assert hashlib.sha256(data).hexdigest().startswith("0bc3f4cfd1fe27ff")
    recorded = arrays("wav2vec2bert_stats")
    used = load_file(converted() / "model.safetensors")
    assert all(torch.equal(used[name], recorded[name]) for name in ("mean", "var"))


def changed(path, **tensors):
    held = load_file(path)
    save_file({n: t for n, t in (held | tensors).items() if t is not None}, path)


TEXT = "t2s_model/model.safetensors"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda p: (p / TEXT).write_bytes((p / TEXT).read_bytes()[:-50]),
            "t2s_model/model.safetensors: damaged",
        ),
        (lambda p: (p / TEXT).unlink(), "t2s_model/model.safetensors: the weights are missing"),
        (lambda p: changed(p / TEXT, zebra=torch.zeros(1)), "t2s_model: the weights hold an unknown 'zebra'"),
        (
            lambda p: changed(p / TEXT, **{"mask_emb.weight": None}),
            "t2s_model: the weights lack 'mask_emb.weight'",
        ),
        (lambda p: changed(p / TEXT, **{"cond_emb.weight": None}), "the tensor 'cond_emb.weight' is missing"),
        (lambda p: changed(p / TEXT, **{"to_logit.bias": torch.zeros(3)}), r"'to_logit.bias' is \[3\]"),
        (lambda p: setting(p, "t2s_model", stripes=3), "unknown setting 'model.t2s_model.stripes'"),
        (
            lambda p: setting(p, "t2s_model", hidden_size=7),
            "'model.t2s_model.hidden_size' is 7, the weights say",
        ),
        (lambda p: setting(p, "semantic_codec", vocos_dim=7), "'model.semantic_codec.vocos_dim' is 7"),
        (lambda p: (p / "maskgct.json").write_text("{"), "maskgct.json: damaged"),
        (lambda p: (p / "maskgct.json").write_text("{}"), "the setting 'model.*' is missing"),
        (
            lambda p: changed(p / "wav2vec2bert_stats.safetensors", var=None),
            "stats.safetensors: not the mean and variance",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, spoil, said):
    place = tiny_published(tmp_path / "in")
    spoil(place)
    with pytest.raises(MaskaudioError, match=said) as error:
        convert(place, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


def setting(place, table, **values):
    path = place / "maskgct.json"
    settings = json.loads(path.read_text())
    settings["model"][table] |= values
    path.write_text(json.dumps(settings))


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    place, saved = tiny_published(tmp_path / "in"), []

    def full(*_args, **_how):
        saved.append(1)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(MaskaudioError, match="No space left"):
        convert(place, tmp_path / "out")
    assert saved and not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))
