import pytest
import torch

from maskaudio.errors import MaskaudioError
from maskaudio.evaluation.judge import Judge, load_judge, save_judge


def test_a_judge_survives_its_file(tmp_path):
    torch.manual_seed(0)
    judge = Judge(["dog", "cat", "rain"]).eval().to(memory_format=torch.channels_last)
    save_judge(judge, tmp_path / "judge.safetensors")
    again = load_judge(tmp_path / "judge.safetensors")
    mel = -60 * torch.rand(2, 64, 201)
    assert again.labels == judge.labels
    assert torch.allclose(again(mel), judge(mel), atol=0.02)


def test_level_and_what_follows_four_seconds_do_not_matter():
    torch.manual_seed(0)
    judge = Judge([str(i) for i in range(9)]).eval()
    mel = -60 * torch.rand(1, 64, 201)
    assert torch.allclose(judge(mel), judge(mel - 30), atol=1e-4)
    wave = torch.randn(1, 96000)
    assert judge.rank(wave) == judge.rank(torch.cat([wave, torch.randn(1, 9)], 1))
    assert sorted(judge.rank(torch.zeros(1, 100))[0]) == sorted(judge.labels)


def test_other_weights_are_refused(tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "judge.safetensors"
    for labels in ('["dog"]', "dog", "3"):
        save_file({"x": torch.zeros(1)}, path, metadata={"labels": labels})
        with pytest.raises(MaskaudioError, match="not a judge"):
            load_judge(path)


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "judge.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MaskaudioError, match="not a judge"):
        load_judge(path)
