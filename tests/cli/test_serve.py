"""`maskaudio serve`: the real command, with the openai client, callers who leave, and a crowd."""

import asyncio
import io
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
import soundfile

from tests.cli.conftest import ROOT
from tests.tiny import tiny_sound_model, tiny_speech_model


@pytest.fixture
def serve(run, tmp_path):
    """serve(*options) → the server's address; it has models `small` and `talk`, and must stop at Ctrl-C."""
    models = tmp_path / "home" / "models"
    models.mkdir(parents=True)
    tiny_sound_model(models / "small")
    tiny_speech_model(models / "talk")
    running = []

    def serve(*options):
        command = [sys.executable, "-m", "maskaudio", "serve", "--port", "0", *map(str, options)]
        process = subprocess.Popen(command, cwd=run.work, env=run.env, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return re.search(r"http://\S+", process.stderr.readline()).group()

    yield serve
    for process in running:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=10)
        said = process.stderr.read()
        assert code in (0, 130) and "Traceback" not in said and "Exception" not in said, said


def test_openais_client_works_unchanged(serve, tmp_path):
    from openai import BadRequestError, OpenAI

    client = OpenAI(base_url=serve() + "/v1", api_key="none")
    asked = {"model": "talk", "voice": "ada", "input": "Hello there. How are you?"}
    client.audio.speech.create(**asked).write_to_file(tmp_path / "hello.mp3")
    assert soundfile.info(tmp_path / "hello.mp3").duration > 0.5
    with client.audio.speech.with_streaming_response.create(**asked, response_format="pcm") as streamed:
        pieces = list(streamed.iter_bytes())
    assert sum(map(len, pieces)) > 24000
    with pytest.raises(BadRequestError, match="unknown voice"):
        client.audio.speech.create(**asked | {"voice": "nobody"})
    assert {"small", "talk"} <= {m.id for m in client.models.list()}


def test_the_curl_lines_of_the_readme(run):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = [b for b in re.findall(r"```bash\n(.*?)```", readme, re.S) if "maskaudio serve" in b]
    lines = block.splitlines()
    assert len(lines) == 3
    command = [sys.executable, "-m", "maskaudio", "serve", "--port", "0"]
    with subprocess.Popen(command, cwd=run.work, env=run.env, stderr=subprocess.PIPE, text=True) as server:
        address = re.search(r"http://\S+", server.stderr.readline()).group()
        for line in lines[1:]:
            line = line.replace("http://127.0.0.1:8000", address)
            subprocess.run(line, shell=True, cwd=run.work, check=True, timeout=60)
        server.terminate()
    assert soundfile.info(run.work / "hello.mp3").duration > 0.3
    assert soundfile.info(run.work / "rain.wav").duration == 3.0


def test_a_crowd_gets_sounds_or_is_told_to_wait(serve):
    """Nothing but 200 and 429, and whoever waits is served together with others."""
    address = serve("--queue", 8, "--threads", 1)

    async def crowd():
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:

            async def ask(i):
                body = {"prompt": "rain", "model": "small", "duration": 1.0, "seed": i % 4}
                return await client.post("/v1/audio/generations", json=body)

            answers = await asyncio.gather(*(ask(i) for i in range(40)))
            return answers, (await client.get("/metrics")).text

    answers, metrics = asyncio.run(crowd())
    assert {a.status_code for a in answers} <= {200, 429}
    served = [a for a in answers if a.status_code == 200]
    assert len(served) >= 8
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 429)
    for answer in served:
        assert soundfile.info(io.BytesIO(answer.content)).duration == 1.0
    count, total = (
        float(re.search(rf"maskaudio_batch_size_{x} (\S+)", metrics).group(1)) for x in ("count", "sum")
    )
    assert total > count


def test_whoever_leaves_is_not_served(serve):
    address = serve("--threads", 1)

    async def leave():
        async with httpx.AsyncClient(base_url=address) as client:
            body = {"prompt": "rain", "model": "small", "duration": 29.0}
            await client.post("/v1/audio/generations", json=body | {"duration": 0.5}, timeout=60)
            hasty = [client.post("/v1/audio/generations", json=body, timeout=0.3) for _ in range(6)]
            results = await asyncio.gather(*hasty, return_exceptions=True)
            deadline = time.monotonic() + 20
            while (await client.get("/health", timeout=5)).json()["waiting"] and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
            return results, (await client.get("/metrics")).text

    results, metrics = asyncio.run(leave())
    assert sum(isinstance(r, httpx.TimeoutException) for r in results) >= 4
    made = float(re.search(r"maskaudio_batch_size_sum (\S+)", metrics).group(1))
    assert made < 6


def test_a_token_in_the_environment_opens_it_to_others(serve, run):
    run.env["MASKAUDIO_SERVE_TOKEN"] = "secret"
    address = serve("--host", "0.0.0.0")
    assert httpx.get(f"{address}/v1/voices").status_code == 401
    assert httpx.get(f"{address}/v1/voices", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_what_cannot_be_is_said(fails):
    fails(2, "serve", "--host", "0.0.0.0", says="--token")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fails(1, "serve", "--port", taken.getsockname()[1], says="cannot listen")
