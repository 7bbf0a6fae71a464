"""When each unit of a text is said: the likeliest path through what the tokeniser hears."""

import numpy as np
import torch
from torch import Tensor

from maskaudio.codec.semantic import FINER, NOTHING, SpeechTokeniser
from maskaudio.text.phones import PAUSES
from maskaudio.text.units import Units

RELUCTANCE = 0.1  # nats a frame: of two equally good paths the one with more of the words is taken
MOST_SKIPPED = 3  # gaps and pauses in a row that may take no time: a comma, a gap, a bracket's pause


@torch.inference_mode()
def align(tokeniser: SpeechTokeniser, tokens: Tensor, said: Units) -> np.ndarray | None:
    """Semantic tokens [T] of a clip and its units → the seconds at which each begins, and the end, [n + 1].

    None where the clip is too short to hold all phones, or holds none.
    """
    heard = tokeniser.hear(tokens[None, None].to(next(tokeniser.parameters()).device))[0].cpu().numpy()
    phone = np.concatenate([[0], np.maximum(0, said.index - len(PAUSES)), [0]])  # class; silence at both ends
    if not phone.any() or np.count_nonzero(phone) > len(heard):
        return None
    states = best_path(heard[:, phone], phone == NOTHING)
    if states is None:
        return None
    lasting = np.bincount(states, minlength=len(phone))
    return np.cumsum(lasting)[:-1] / (FINER * tokeniser.frame_rate)


@torch.inference_mode()
def spot(tokeniser: SpeechTokeniser, tokens: Tensor, said: Units) -> tuple[float, float, float] | None:
    """Where in the semantic tokens [T] of a clip the units are said: its begin and end in seconds, and cost.

    The cost is how much likelier, in nats a phone, the tokeniser finds what it would have heard there by
    itself; about 0 where the words are said. None where they cannot be, or are none.
    """
    heard = tokeniser.hear(tokens[None, None].to(next(tokeniser.parameters()).device))[0].cpu().numpy()
    phone = np.maximum(0, said.index - len(PAUSES))
    if not phone.any():
        return None
    anything = heard.max(1, keepdims=True)
    emitted = np.concatenate([anything - RELUCTANCE, heard[:, phone], anything - RELUCTANCE], 1)
    states = best_path(emitted, np.concatenate([[True], phone == NOTHING, [True]]))
    if states is None:
        return None
    inside = np.flatnonzero((states > 0) & (states <= len(phone)))
    lacking = (anything[:, 0] - emitted[np.arange(len(states)), states])[inside].sum()
    rate = FINER * tokeniser.frame_rate
    return inside[0] / rate, (inside[-1] + 1) / rate, float(lacking / np.count_nonzero(phone))


def best_path(emitted: np.ndarray, skippable: np.ndarray) -> np.ndarray | None:
    """Viterbi: log-probabilities [F, n] of n states in order → the state of every frame, [F].

    Every state is visited but the skippable ones (bool [n]): up to MOST_SKIPPED in a row may be left out.
    None where no path is possible.
    """
    frames, count = emitted.shape
    came = np.zeros((frames, count), dtype=np.int64)  # how many states back each state came from
    free = np.concatenate([[True], np.cumprod(skippable[:-1]).astype(bool)])  # may be the first
    score = np.where(free, emitted[0], -np.inf)
    steps = [np.zeros(count)]
    for back in range(1, MOST_SKIPPED + 2):
        between = [skippable[max(0, i - back + 1) : i].all() and i >= back for i in range(count)]
        steps.append(np.where(between, 0.0, -np.inf))
    for t in range(1, frames):
        moves = [score + steps[0]]
        for back in range(1, len(steps)):
            moves.append(
                np.concatenate([np.full(min(back, count), -np.inf), score[:-back]])[:count] + steps[back]
            )
        came[t] = np.argmax(moves, axis=0)
        score = np.max(moves, axis=0) + emitted[t]
    after = np.concatenate([np.cumprod(skippable[:0:-1])[::-1].astype(bool), [True]])  # may be the last
    score = np.where(after, score, -np.inf)
    if score.max() == -np.inf:
        return None
    state = int(np.argmax(score))
    path = np.zeros(frames, dtype=np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= came[t, state]
    return path
