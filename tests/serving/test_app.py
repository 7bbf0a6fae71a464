"""The HTTP API, asked as its callers ask: good requests, bad ones, and all that its own OpenAPI allows."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from maskaudio.serving.app import create_app
from maskaudio.serving.limits import Limits


@pytest.fixture
def client(small):
    return TestClient(create_app(Limits(text=200, seconds=3.0, clip=10.0, body=400_000, patience=60.0)))


def tone(seconds=2.0, rate=24000):
    out = io.BytesIO()
    soundfile.write(out, 0.3 * np.sin(np.arange(int(seconds * rate)) * 0.05), rate, format="WAV")
    return base64.b64encode(out.getvalue()).decode()


def heard(response):
    assert response.status_code == 200, response.text
    return soundfile.read(io.BytesIO(response.content))


def sound(**more):
    return {"prompt": "rain", "model": "small", "duration": 1.0, **more}


def said(**more):
    return {"input": "Hello there.", "model": "talk", "voice": "ada", "response_format": "wav", **more}


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "opus", "mp3"])
def test_a_sound_in_every_format(client, format):
    response = client.post("/v1/audio/generations", json=sound(response_format=format, seed=3))
    data, rate = heard(response)
    assert len(data) / rate == pytest.approx(1.0, abs=0.1) and response.headers["x-seed"] == "3"


def test_the_same_seed_gives_the_same_bytes(client):
    one, two, three = (client.post("/v1/audio/generations", json=sound(seed=s)).content for s in (1, 1, 2))
    assert one == two != three


def test_speech_whole_and_by_sentences(client):
    body = {"input": "Hello there. How are you?", "seed": 4}
    wav = client.post("/v1/audio/speech", json=said(**body))
    pcm = client.post("/v1/audio/speech", json=said(**body, response_format="pcm"))
    flac = client.post("/v1/audio/speech", json=said(**body, response_format="flac"))
    assert pcm.headers["content-type"] == "audio/pcm"
    samples = np.frombuffer(pcm.content, "<i2")
    assert np.array_equal(np.frombuffer(wav.content[-len(pcm.content) :], "<i2"), samples)
    whole, rate = heard(flac)
    assert rate == 24000 and np.array_equal((whole * 32768).astype(np.int16), samples)


def test_openais_names_work(client):
    assert client.post("/v1/audio/speech", json=said(voice="nova")).status_code == 200
    there = [v["id"] for v in client.get("/v1/voices").json()["voices"]]
    assert there and {m["id"] for m in client.get("/v1/models").json()["data"]} >= {"small", "talk"}


def test_events_show_the_grid_being_revealed(client):
    answer = client.post("/v1/audio/generations", json=sound(seed=1, stream=True))
    events = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    names = [e[0].removeprefix("event: ") for e in events]
    assert set(names[:-1]) == {"step"} and names[-1] == "audio"
    steps = [json.loads(e[1].removeprefix("data: ")) for e in events[:-1]]
    assert [s["step"] for s in steps] == list(range(1, steps[0]["of"] + 1))
    shares = ["".join(s["known"]).count("1") for s in steps]
    assert shares == sorted(shares) and shares[-1] == sum(map(len, steps[-1]["known"]))
    audio = base64.b64decode(json.loads(events[-1][1].removeprefix("data: "))["audio"])
    assert audio == client.post("/v1/audio/generations", json=sound(seed=1)).content
    bad = client.post("/v1/audio/generations", json=sound(steps=1, stream=True))
    assert "event: error" in bad.text


@pytest.mark.parametrize(
    "asked",
    [
        {"task": "inpaint", "start": 0.5, "end": 1.0},
        {"task": "extend", "seconds": 1.0},
        {"task": "variation", "strength": 0.5},
    ],
)
def test_edits(client, asked):
    data, rate = heard(client.post("/v1/audio/edits", json={"audio": tone(), "model": "small", **asked}))
    assert len(data) / rate == pytest.approx(3.0 if asked["task"] == "extend" else 2.0)


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("generations", sound(prompt=" "), 400, "empty"),
        ("generations", sound(prompt="x" * 201), 400, "at most 200"),
        ("generations", sound(duration=4.0), 400, "at most 3"),
        ("generations", sound(model="nothing"), 400, "unknown sound model"),
        ("generations", sound(model="../small"), 422, "model"),
        ("generations", sound(model=".."), 400, "unknown sound model"),
        ("generations", sound(model="talk"), 400, "unknown sound model"),
        ("generations", sound(duraton=1), 422, "duraton"),
        ("generations", {"prompt": 5}, 422, "prompt"),
        ("speech", said(voice="nobody"), 400, "unknown voice"),
        ("speech", said(voice="/etc/passwd"), 422, "voice"),
        ("speech", said(voice_clip=tone()), 400, "speech"),
        ("speech", said(voice_clip="!"), 422, "base64"),
        ("speech", said(voice_clip="aGVsbG8="), 400, "not readable"),
        ("speech", said(input="<b>"), 400, ""),
        ("speech", said(response_format="aac"), 422, "response_format"),
        ("speech", said(instructions="sing"), 422, "instructions"),
        ("edits", {"audio": tone(), "model": "small", "task": "inpaint", "start": 1.0}, 400, "end"),
        (
            "edits",
            {"audio": tone(), "model": "small", "task": "inpaint", "start": 1.0, "end": 9.0},
            400,
            "to 9",
        ),
        (
            "edits",
            {"audio": tone(6.0, 16000), "model": "small", "task": "variation", "strength": 0.5},
            200,
            "",
        ),
    ],
)
def test_what_cannot_be_is_said(client, path, body, status, says):
    response = client.post(f"/v1/audio/{path}", json=body)
    assert response.status_code == status, response.text
    if status != 200:
        assert says in response.json()["error"]["message"]


def test_large_bodies_are_refused_however_they_come(client):
    body = json.dumps({"audio": "A" * 500_000, "task": "variation", "strength": 0.5}).encode()
    assert client.post("/v1/audio/edits", content=body).status_code == 413

    def drip():
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    headers = {"content-type": "application/json"}
    assert client.post("/v1/audio/edits", content=drip(), headers=headers).status_code == 413
    assert client.post("/v1/audio/generations", json=sound()).status_code == 200


def test_a_token_is_asked_for_everywhere_but_at_health(small):
    client = TestClient(create_app(token="secret"))
    assert client.get("/health").status_code == 200
    for ask in (
        lambda **h: client.get("/v1/voices", **h),
        lambda **h: client.get("/metrics", **h),
        lambda **h: client.post("/v1/audio/generations", json=sound(), **h),
    ):
        assert ask().status_code == 401
        assert ask(headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert ask(headers={"Authorization": "Bearer secret"}).status_code == 200


def test_a_page_that_calls_us_by_another_name_is_turned_away(client):
    assert client.get("/v1/voices", headers={"Host": "evil.example"}).status_code == 400
    answer = client.get("/v1/voices", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_metrics_count_and_name_no_callers_words(client):
    client.post("/v1/audio/generations", json=sound())
    client.get("/secret/path")
    text = client.get("/metrics").text
    assert 'maskaudio_requests_total{path="/v1/audio/generations",status="200"} 1.0' in text
    assert "maskaudio_audio_seconds_total 1.0" in text and "maskaudio_batch_size_bucket" in text
    assert "secret" not in text


@pytest.mark.slow
def test_nothing_its_openapi_allows_breaks_it(small):
    """Schemathesis tries requests made of the server's own description: never a 5xx."""
    import schemathesis
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error

    app = create_app(Limits(text=50, seconds=0.5, clip=2.0))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    tried = []

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=60,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def try_it(case):
            response = case.call(headers={"Host": "localhost"})
            case.validate_response(response, checks=[not_a_server_error])
            tried.append(response.status_code)

        try_it()
    assert len(tried) > 100 and {200, 400, 422} & set(tried)
