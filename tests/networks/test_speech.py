"""The speech network: what it is told arrives, and what it is not told does not."""

import torch

from maskaudio.networks.speech import SpeechNetwork
from tests.tiny import tiny_speech_config


def network():
    torch.manual_seed(0)
    return SpeechNetwork(tiny_speech_config()).eval()


def test_semantic_logits_follow_the_text_unless_it_is_dropped():
    net = network()
    codes = torch.full((1, 1, 10), 16)
    cells = torch.ones(1, 10, dtype=torch.bool)
    zeros = torch.zeros(1, 3, dtype=torch.long)
    durations = torch.tensor([[3.0, 4.0, 3.0]])

    def logits(index, dropped):
        features = net.text(torch.tensor([index]), zeros, zeros)
        condition = net.text_condition(net.asked(features, durations, 10), torch.tensor([dropped]))
        return net.semantic.score(codes, 0, condition, cells)

    with torch.no_grad():
        assert not torch.allclose(logits([0, 8, 9], False), logits([0, 9, 8], False))
        assert torch.allclose(logits([0, 8, 9], True), logits([0, 9, 8], True))


def test_acoustic_logits_follow_tokens_and_voice():
    net = network()
    codes = torch.full((1, 3, 10), 16)
    cells = torch.ones(1, 10, dtype=torch.bool)

    def logits(token, voice, dropped=False):
        who = net.voice_of(torch.full((1, 3, 30), voice))
        tokens = torch.full((1, 10), token)
        condition = net.speech_condition(tokens, who, torch.tensor([dropped]))
        return net.acoustic.score(codes, 0, condition, cells)

    with torch.no_grad():
        assert not torch.allclose(logits(1, 3), logits(2, 3))
        assert not torch.allclose(logits(1, 3), logits(1, 4))
        assert torch.allclose(logits(1, 3, True), logits(2, 3, True))


def test_what_is_asked_counts_where_it_is_told():
    net = network()
    codes, cells = torch.full((1, 3, 10), 16), torch.ones(1, 10, dtype=torch.bool)
    who, tokens = net.voice_of(torch.full((1, 3, 30), 3)), torch.zeros(1, 10, dtype=torch.long)

    def logits(seed, told):
        asked = torch.randn(1, 10, 16, generator=torch.Generator().manual_seed(seed))
        told = torch.full((1, 10), told)
        condition = net.speech_condition(tokens, who, asked=asked, told=told)
        return net.acoustic.score(codes, 0, condition, cells)

    with torch.no_grad():
        assert not torch.allclose(logits(0, True), logits(1, True))
        untold = net.acoustic.score(codes, 0, net.speech_condition(tokens, who), cells)
        assert torch.allclose(logits(0, False), untold)


def test_two_conditions_join_and_split():
    net = network()
    who = net.voice_of(torch.randint(0, 16, (2, 3, 30)))
    whole = net.speech_condition(torch.randint(0, 16, (2, 7)), who)
    one, two = whole.split(1)
    again = net.acoustic.join(one, two)
    assert torch.equal(again.frames, whole.frames) and torch.equal(again.summary, whole.summary)


def test_entries_of_like_values_start_alike():
    net = network()
    values = torch.linspace(-1, 1, 16)[:, None]
    net.acoustic.start_near(values.expand(3, -1, -1))
    for table in net.acoustic.embed:
        near = (table.weight[0] - table.weight[1]).norm()
        far = (table.weight[0] - table.weight[15]).norm()
        assert near < far
