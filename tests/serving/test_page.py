"""The page in headless Chromium: type, make, listen by numbers, edit a span, download; by keyboard alone."""

import io
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from tests.cli.conftest import ROOT, environment

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]

HEARD = """async () => {
    const data = await (await fetch(document.getElementById("download").href)).arrayBuffer();
    const audio = await new OfflineAudioContext(1, 1, 24000).decodeAudioData(data);
    const samples = audio.getChannelData(0);
    return [audio.duration, Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length)];
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "maskaudio", "serve", "--port", "0"]
    server = subprocess.Popen(command, cwd=home, env=environment(home), stderr=subprocess.PIPE, text=True)
    yield re.search(r"http://\S+", server.stderr.readline()).group()
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture
def page(address):
    """The page; an error in it, or a call to any other host, fails the test."""
    with playwright.sync_playwright() as run:
        switches = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
        browser = run.chromium.launch(executable_path=CHROMIUM, args=switches)
        page = browser.new_page(accept_downloads=True)
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda told: wrong.append(told.text) if told.type == "error" else None)
        page.on(
            "request",
            lambda r: None if r.url.startswith((address, "blob:", "data:")) else wrong.append(r.url),
        )
        page.goto(address)
        yield page
        browser.close()
        assert not [text for text in wrong if "status of 400" not in text]  # that is told on the page


def finished(page):
    page.locator("#status").filter(has_text=re.compile("^done")).wait_for(timeout=60000)


def test_make_hear_edit_undo_download(page, tmp_path):
    page.get_by_label("What it should sound like").first.fill("rain on a tin roof")
    page.get_by_label("Seconds").fill("2")
    page.get_by_label("Seed").fill("3")
    page.get_by_role("button", name="Make it").click()
    finished(page)
    seconds, level = page.evaluate(HEARD)
    assert seconds == pytest.approx(2.0, abs=0.01) and level > 0.005
    lit = page.evaluate(
        "() => [...document.getElementById('grid').getContext('2d').getImageData(0, 0, 720, 64).data]"
        ".filter((x, i) => i % 4 === 3 && x === 255).length"
    )
    assert lit > 0.8 * 720 * 64  # every cell of the grid is revealed
    assert page.locator("#wave canvas, #wave >> css=canvas").count() > 0
    before = fetched(page, tmp_path / "before.wav")

    page.get_by_label("From").fill("0.5")
    page.get_by_label("To", exact=True).fill("1.2")
    page.get_by_role("button", name="Make that part anew").click()
    finished(page)
    assert page.evaluate(HEARD)[0] == pytest.approx(2.0, abs=0.01)
    after = fetched(page, tmp_path / "after.wav")
    assert np.array_equal(before[:12000], after[:12000]) and np.array_equal(before[28800:], after[28800:])
    assert not np.array_equal(before, after)
    page.get_by_role("button", name="Undo").click()
    assert np.array_equal(fetched(page, tmp_path / "undone.wav"), before)


def test_speech_by_keyboard_alone(page, tmp_path):
    page.get_by_label("a sound").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("What to say").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("Good morning to you.")
    page.locator("#voice option").nth(1).wait_for(state="attached")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    while page.evaluate("document.activeElement.id") != "make":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    finished(page)
    seconds, level = page.evaluate(HEARD)
    assert 0.5 < seconds < 4 and level > 0.01
    assert len(fetched(page, tmp_path / "said.wav")) > 12000


def test_a_recorded_prompt_that_is_no_speech_is_refused_in_words(page):
    page.get_by_label("speech", exact=True).check()
    page.get_by_role("button", name="Record one").click()
    page.get_by_role("button", name="Stop recording").wait_for()
    page.wait_for_timeout(2600)
    page.get_by_role("button", name="Stop recording").click()  # the browser's fake microphone beeps
    page.get_by_role("button", name="Record another").wait_for()
    page.get_by_role("button", name="Make it").click()
    page.locator("#status.wrong").wait_for(timeout=60000)
    assert "voice_clip" in page.locator("#status").text_content()


def test_every_control_has_a_name(page):
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('input, textarea, select, button, a[href], canvas')]"
        ".filter(e => !(e.labels?.length || e.textContent.trim() || e.ariaLabel)).map(e => e.outerHTML)"
    )
    assert not nameless
    assert page.evaluate("document.documentElement.lang") == "en"


def fetched(page, path):
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(path)
    return soundfile.read(io.BytesIO(path.read_bytes()), dtype="int16")[0]


def test_it_is_packaged():
    assert {p.name for p in (ROOT / "maskaudio/serving/page").iterdir()} >= {
        "index.html",
        "page.js",
        "vendor",
    }
