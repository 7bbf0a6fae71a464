"""What can be measured: how a figure is called, in which unit, and which way is better."""

from dataclasses import dataclass

LOWER, HIGHER = "lower", "higher"


@dataclass(frozen=True)
class Measure:
    """A figure's name and how it is written; a figure in % is kept as a share."""

    title: str
    unit: str = ""
    better: str = ""  # "lower", "higher", or neither
    digits: int = 2

    def text(self, value: float) -> str:
        """A value with as many digits as it deserves."""
        return f"{100 * value if self.unit == '%' else value:.{self.digits}f}"


MEASURES = {
    # speech
    "wer": Measure("word error", "%", LOWER, 1),
    "cer": Measure("character error", "%", LOWER, 1),
    "per": Measure("phone error, by maskaudio's own tokeniser", "%", LOWER, 1),
    "wer_added": Measure("word error added", "%", LOWER, 1),
    "cer_added": Measure("character error added", "%", LOWER, 1),
    "per_added": Measure("phone error added, by maskaudio's own tokeniser", "%", LOWER, 1),
    "similarity": Measure("speaker similarity by Resemblyzer", "", HIGHER, 3),
    "own_voice": Measure("nearest to its own voice among all", "%", HIGHER, 0),
    "ovrl": Measure("DNSMOS overall", "1–5", HIGHER),
    "sig": Measure("DNSMOS signal", "1–5", HIGHER),
    "bak": Measure("DNSMOS background", "1–5", HIGHER),
    "p808": Measure("DNSMOS P.808", "1–5", HIGHER),
    "seconds": Measure("length", "s"),
    "silence": Measure("silence", "%", "", 1),
    # sound
    "top1": Measure("label is the judge's first", "%", HIGHER, 0),
    "top5": Measure("label among the judge's five", "%", HIGHER, 0),
    "fit": Measure("text–audio score, by maskaudio's own ranker", "", HIGHER, 3),
    "frechet": Measure("Fréchet distance on the judge's embedding", "", LOWER, 1),
    "mel": Measure("log-mel distance", "dB", LOWER),
    # codec
    "stft": Measure("multi-resolution STFT distance by auraloss", "", LOWER, 3),
    "pesq": Measure("PESQ, wide band", "1–4.64", HIGHER),
    "stoi": Measure("STOI", "0–1", HIGHER, 3),
    "si_sdr": Measure("SI-SDR", "dB", HIGHER, 1),
    "bitrate": Measure("bitrate", "kbit/s"),
    "encode": Measure("encoding, real-time factor", "", LOWER, 3),
    "decode": Measure("decoding, real-time factor", "", LOWER, 3),
    "used": Measure("codes used", "%", HIGHER, 0),
    "perplexity": Measure("perplexity of codes", "", HIGHER, 0),
}


def measure(key: str) -> Measure:
    """The measure of a key; "used.3" is that of "used" in stream 3."""
    name, _, stream = key.partition(".")
    known = MEASURES[name]
    if not stream:
        return known
    return Measure(f"{known.title}, stream {stream}", known.unit, known.better, known.digits)
