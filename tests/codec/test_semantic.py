"""The speech tokeniser's shapes, and reading off what CTC spells."""

import torch

from maskaudio.codec.load import load_tokeniser
from maskaudio.codec.semantic import FINER, SpeechTokeniser, spelled
from maskaudio.text.phones import PHONES
from tests.tiny import TOKENISER, tiny_tokeniser_model


def test_tokens_come_at_25_a_second_and_phones_at_50():
    torch.manual_seed(0)
    tokeniser = SpeechTokeniser(TOKENISER).eval()
    tokens = tokeniser.encode(0.1 * torch.randn(2, 1, 24000 + 1))
    assert tokens.shape == (2, 1, 26) and tokens.dtype == torch.int64
    assert tokens.min() >= 0 and tokens.max() < tokeniser.vocab == 16
    for heard in (tokeniser.hear(tokens), tokeniser.spell(tokens)):
        assert heard.shape == (2, FINER * 26, 1 + len(PHONES))
        assert torch.allclose(heard.exp().sum(-1), torch.ones(2, FINER * 26), atol=1e-5)


def test_listening_passes_a_gradient_through_the_quantiser():
    torch.manual_seed(0)
    tokeniser = SpeechTokeniser(TOKENISER)
    heard = tokeniser.listen(torch.randn(2, 100, 40), torch.ones(2, 10, dtype=torch.bool))
    assert heard.early.shape == (2, 10, 1 + len(PHONES))
    heard.ctc.sum().backward()
    assert tokeniser.encoder.embed.weight.grad.abs().sum() > 0


def test_ctc_spells_without_blanks_and_repeats():
    rows = [0, 3, 3, 0, 3, 7, 7, 0, 9, 9]
    log_p = torch.nn.functional.one_hot(torch.tensor(rows), 1 + len(PHONES)).float().log()
    assert spelled(log_p, 8) == [2, 2, 6]
    assert spelled(log_p, 10) == [2, 2, 6, 8]


def test_a_folder_gives_the_same_tokens_and_hash_again(tmp_path):
    folder = tiny_tokeniser_model(tmp_path / "tokens")
    first, second = load_tokeniser(folder), SpeechTokeniser(TOKENISER)
    second.load_state_dict(first.state_dict())
    wave = 0.1 * torch.randn(1, 1, 9600)
    assert torch.equal(first.encode(wave), second.eval().encode(wave))
    assert len(first.hash) == 12
