"""Written text in words."""

import logging
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskaudio.text.normalise import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Dr. Lee and Mrs. Smith live at 5 Main St.", "Dr Lee and Mrs Smith live at five Main Street."),
        ("for $5.99, or £3,000.", "for five dollars and ninety nine cents, or three thousand pounds."),
        ("$1 $0.50 -$5 €2 million", "one dollar fifty cents minus five dollars two million euros"),
        ("5% of 3.14", "five percent of three point one four"),
        ("the 1st, 2nd and 23rd", "the first, second and twenty third"),
        ("In 1999 and the 1990s", "In nineteen ninety nine and the nineteen nineties"),
        ("in the '80s or 90s", "in the eighties or nineties"),
        ("8080 people, 1,234,000 bees", "eight thousand eighty people, one million two hundred thirty four "
         "thousand bees"),
        ("May 5, 1999", "May fifth, nineteen ninety nine"),
        ("3:45 pm, 9:00, 5pm", "three forty five P.M, nine o'clock, five P.M"),
        ("10 kg, 5 km/h, 30°C", "ten kilograms, five kilometers per hour, thirty degrees Celsius"),
        ("-5 and 007", "minus five and zero zero seven"),
        ("1/2 or 3/4.", "one half or three quarters."),
        ("No. 5. It was no.", "Number five. It was no."),
        ("e.g. this, i.e. that, etc.", "for example, this, that is, that, et cetera."),
        ("A & B @ C + D = E", "A and B at C plus D equals E"),
        ("Call (555) 123-4567", "Call five five five, one two three, four five six seven"),
        ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("https://www.example.com/page", "example dot com slash page"),
        ("See <https://example.org>.", "See example dot org."),
        ("jo.b@mail.co.uk!", "jo dot b at mail dot co dot U K!"),
        ("v2.1.3 on 10.0.0.1", "v two point one point three on ten dot zero dot zero dot one"),
        ("“Curly” ‘quotes’ — and dashes – too…", "Curly quotes, and dashes, too."),
        ("wait... what?! Really!!!", "wait, what? Really!"),
        ("Henry VIII", "Henry the eighth"),
        ("naïve café, Łódź, straße", "naive cafe, Lodz, strasse"),
        ("DO NOT WALK ON THE GRASS", "do not walk on the grass"),
        ("the FBI, HTML and IMPORTANT news", "the FBI, HTML and important news"),
        ("I <3 you :) but 3 < 5", "I you but three less than five"),
        ("x² + π", "x squared plus pi"),
        ("twenty-one mother-in-law", "twenty one mother-in-law"),
        ("24/7", "twenty four seven"),
        ("  ", ""),
        ('"" -- __ ** ~~', ""),
    ],
)  # fmt: skip
def test_written_and_said(written, said):
    assert normalise(written) == said


def test_the_british_say_and_and_put_the_day_first():
    assert normalise("On 5/12/2020 we paid £1,234.", "en-gb") == (
        "On the fifth of December twenty twenty we paid one thousand two hundred and thirty four pounds."
    )
    assert normalise("5/12/2020", "en-us") == "May twelfth, twenty twenty"


def test_what_cannot_be_spoken_is_named_once(caplog):
    named = set()
    with caplog.at_level(logging.WARNING, "maskaudio"):
        assert normalise("Music 🎵 for 日本 ❤️ 👍🏽!", named=named) == "Music for!"
        assert normalise("🎵 again", named=named) == "again"
    (record,) = caplog.records
    assert "🎵 (musical note)" in record.getMessage() and record.name == "maskaudio"


SAID = re.compile(r"[A-Za-z'.,?!:; -]*")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="0123456789.,:/-$£%'aAmpth s#@<>[]()+°½", max_size=40))
def test_any_text_becomes_plain_words(text):
    for language in ("en-us", "en-gb"):
        said = normalise(text, language)
        assert SAID.fullmatch(said) and said == said.strip() and "  " not in said
