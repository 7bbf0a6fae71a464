"""Reports: there and back, compared, and as a page."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from maskaudio.audio import Audio
from maskaudio.errors import MaskaudioError, UsageError
from maskaudio.evaluation.page import as_json, render, save
from maskaudio.evaluation.report import Evaluation, Scored, compare, make_report, read_report
from maskaudio.evaluation.scores import Figure


def evaluation(worse=0.0, count=20, tools=None):
    """Clips with errors that grow along the list; the text of the last is no friend of HTML."""
    rng = np.random.default_rng(0)
    clips = [
        Scored(f"{i}.wav", f"text {i}", "heard", {"wer": (i + worse, 100.0), "ovrl": (3 + rng.random(), 1.0)})
        for i in range(count)
    ]
    clips[-1] = replace(clips[-1], asked="<script>alert(1)</script>")
    floor = ("another's text", [{"wer": (90.0, 100.0)} for _ in clips])
    report = make_report(
        "speech",
        Path("clips.csv"),
        clips,
        {"floor": floor},
        of_set={"frechet": Figure(1.0, 0.5, 1.5, count)},
        tools=tools or {"recogniser": "base"},
        settings={"language": "en-us"},
        missing={"similarity": "pip install it"},
    )
    return Evaluation(report, lambda i: {"clip": Audio(np.full((1, 4800), 0.1, np.float32), 24000)})


def test_a_report_survives_its_file(tmp_path):
    made = evaluation()
    save(made, tmp_path / "out")
    assert read_report(tmp_path / "out") == made.report == read_report(tmp_path / "out" / "report.json")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    with pytest.raises(UsageError, match="--overwrite"):
        save(made, tmp_path / "out")
    save(evaluation(1.0), tmp_path / "out", overwrite=True)
    assert read_report(tmp_path / "out") != made.report


@pytest.mark.parametrize(
    "content", ["", "{}", '{"kind": "speech"}', "[1]", "\x00", '{"a":' * 5000, "no parts"]
)
def test_what_is_no_report_is_refused(tmp_path, content):
    if content == "no parts":
        content = as_json(evaluation().report).replace("100.0]", "0.0]")
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(MaskaudioError, match=r"x\.json"):
        read_report(tmp_path / "x.json")


def test_a_difference_beyond_chance_is_told_from_one_that_is_not():
    ours, theirs = evaluation(2.0).report, evaluation().report
    compared = compare(ours, theirs, "before").comparison
    assert compared.pairs == 20 and compared.figures["wer"].value == pytest.approx(0.02)
    assert compared.figures["wer"].sure and not compared.figures["ovrl"].sure
    table = compare(ours, theirs, "before").table()
    assert table[0][-1] == "less before, 20 pairs"
    assert table[1][-1] == "+2.0 (2.0–2.0)"
    assert "may be chance" in next(row for row in table if row[0].startswith("DNSMOS"))[-1]
    assert "comparison" in as_json(compare(ours, theirs, "before"))


def test_only_what_was_measured_alike_is_compared():
    with pytest.raises(UsageError, match="recogniser small, not base"):
        compare(evaluation().report, evaluation(tools={"recogniser": "small"}).report, "other")
    with pytest.raises(UsageError, match="about sound"):
        compare(evaluation().report, replace(evaluation().report, kind="sound"), "other")
    strangers = replace(evaluation().report, clips=(Scored("x.wav", "something else"),))
    with pytest.raises(UsageError, match="fewer than two"):
        compare(evaluation().report, strangers, "other")


class Outline(HTMLParser):
    """Which tags a page has, and what their attributes name."""

    def __init__(self, page):
        super().__init__()
        self.tags = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_page_holds_everything_itself():
    page = render(evaluation())
    outline = Outline(page)
    assert not re.search(r"https?://|<script|@import|<link", page)
    assert "&lt;script&gt;alert(1)" in page
    players = outline.of("audio")
    assert len(players) == 14  # the ten worst, four by chance
    assert all(p["src"].startswith("data:audio/mpeg;base64,") and p["aria-label"] for p in players)
    assert all(p["src"].startswith("data:image/png") and p["alt"] for p in outline.of("img"))
    assert page.index("19.wav") < page.index("18.wav") < page.index("10.wav")
    assert {h["scope"] for h in outline.of("th")} == {"col", "row"}
    assert "pip install it" in page and "prefers-color-scheme: dark" in page
