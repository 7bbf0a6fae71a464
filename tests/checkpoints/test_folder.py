"""Model folders: whole ones load, all others are named with what is wrong."""

import json
from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from maskaudio.checkpoints.folder import build, read_config, save_model
from maskaudio.errors import MaskaudioError


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int = 2
    sizes: tuple[int, ...] = (1, 2)


class Network(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(shape.width, shape.width) for _ in range(shape.layers))
        self.conv = nn.Conv1d(shape.width, shape.width, 3)
        self.register_buffer("count", torch.tensor([5]))


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    save_model(tmp_path / "model", "test", Shape(8), Network(Shape(8)), about={"licence": "Apache-2.0"})
    return tmp_path / "model"


def load(folder):
    return build(Network, Shape, folder, "test")


def refused(folder, complaint):
    with pytest.raises(MaskaudioError, match=complaint) as caught:
        load(folder)
    assert "\n" not in str(caught.value) and "model" in str(caught.value)


def edit(folder, change):
    path = folder / "config.json"
    table = json.loads(path.read_text())
    change(table)
    path.write_text(json.dumps(table))


def test_round_trip(folder):
    torch.manual_seed(0)
    original, back = Network(Shape(8)), load(folder)
    assert not back.training and back.count.tolist() == [5]
    for name, tensor in original.state_dict().items():
        found = back.state_dict()[name]
        assert found.dtype == tensor.dtype
        if tensor.dim() < 2:
            assert torch.equal(found, tensor), name
            continue
        peak = tensor.flatten(1).abs().amax(1)
        error = (found - tensor).flatten(1).abs().amax(1)
        assert (error <= peak / 127 / 2 * 1.001).all(), name  # half a step of each row's int8 scale
    assert read_config(folder)["about"] == {"licence": "Apache-2.0"}


def test_saving_what_was_loaded_changes_nothing(folder, tmp_path):
    back = load(folder)
    save_model(tmp_path / "again", "test", Shape(8), back)
    again = load(tmp_path / "again").state_dict()
    assert all(torch.allclose(again[n], t, atol=1e-6) for n, t in back.state_dict().items())


def test_whoever_may_read_the_config_may_read_the_weights(folder):
    modes = {path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert len(modes) == 1


def test_nothing_but_the_two_files_is_left(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    refused(folder, "the weights are missing")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_weights(folder, share):
    path = folder / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    refused(folder, "damaged weights")


def test_weights_that_are_something_else(folder):
    (folder / "model.safetensors").write_bytes(b"PK\x03\x04 this is a zip file" * 50)
    refused(folder, "damaged weights")


def change_weights(folder, change):
    path = folder / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path)


def test_wrong_shape(folder):
    change_weights(folder, lambda w: w.update({"layers.0.bias": torch.zeros(9)}))
    refused(folder, r"'layers.0.bias' is \[9\], the config asks for \[8\]")


def test_a_config_for_another_shape(folder):
    edit(folder, lambda t: t["config"].update(width=9))
    refused(folder, "the config asks for")


def test_foreign_tensor(folder):
    change_weights(folder, lambda w: w.update({"extra": torch.zeros(2)}))
    refused(folder, "unknown 'extra'")


def test_missing_tensor(folder):
    change_weights(folder, lambda w: w.pop("layers.1.bias"))
    refused(folder, "lack 'layers.1.bias'")


def test_no_folder_and_no_config(folder):
    refused(folder / "nowhere", "cannot read the model's config")
    (folder / "config.json").unlink()
    refused(folder, "cannot read the model's config")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_cut_config(folder, share):
    path = folder / "config.json"
    text = path.read_text().strip()
    path.write_text(text[: int(len(text) * share)])
    refused(folder, "not JSON")


@pytest.mark.parametrize("text", ["[]", "3", '"model"', "{}", '{"format": 99}'])
def test_foreign_config(folder, text):
    (folder / "config.json").write_text(text)
    refused(folder, "not a maskaudio model")


def test_a_config_that_is_not_text(folder):
    (folder / "config.json").write_bytes(b"\xff\xfe\x00\x80")
    refused(folder, "not JSON")


def test_a_model_of_another_kind(folder):
    edit(folder, lambda t: t.update(kind="codec"))
    refused(folder, "holds a codec model, not a test model")


def test_unknown_field_is_named(folder):
    edit(folder, lambda t: t["config"].update(colour="red"))
    refused(folder, "unknown field 'colour'")


def test_missing_field_is_named(folder):
    edit(folder, lambda t: t["config"].pop("width"))
    refused(folder, "missing field 'width'")


def test_wrong_type_is_named(folder):
    edit(folder, lambda t: t["config"].update(layers="two"))
    refused(folder, r"config.json.layers: expected int, found 'two'")


def test_no_config_at_all(folder):
    edit(folder, lambda t: t.pop("config"))
    refused(folder, "expected a table of fields")


def test_published_weights_are_kept_as_they_are_and_mapped(tmp_path):
    torch.manual_seed(0)
    network = Network(Shape(8)).half()
    save_model(tmp_path / "model", "test", Shape(8), network, compact=False)
    for dtype in (torch.float16, torch.float32):
        back = build(Network, Shape, tmp_path / "model", "test", dtype)
        for name, tensor in network.state_dict().items():
            found = back.state_dict()[name]
            assert torch.equal(found, tensor.to(found.dtype)) and not found.is_meta
            assert found.dtype == (dtype if tensor.is_floating_point() else tensor.dtype)
    assert not any(p.suffix == ".part" for p in (tmp_path / "model").iterdir())
