// The page: ask, watch the grid fill, listen, make a part anew. Everything goes through the public API.
"use strict";

const $ = (id) => document.getElementById(id);
const takes = []; // what was made and edited, the last one is heard
let player = null;
let span = null;
let recorded = null;
let recorder = null;

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").className = wrong ? "wrong" : "";
}

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if ($("token").value) headers.Authorization = `Bearer ${$("token").value}`;
  const answer = await fetch(path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers });
  if (answer.ok) return answer;
  if (answer.status === 401) $("token-label").hidden = false;
  const told = await answer.json().catch(() => null);
  throw new Error(told?.error?.message ?? `the server answered ${answer.status}`);
}

// Blocks of server-sent events, as [name, data].
async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const [, name, data] = block.match(/^event: (.*)\ndata: (.*)$/s);
      yield [name, JSON.parse(data)];
    }
  }
}

// One row a stream, coarse at the top; a cell is lit when its token is revealed.
function drawGrid(known) {
  const canvas = $("grid");
  canvas.hidden = false;
  const brush = canvas.getContext("2d");
  const [wide, high] = [canvas.width / known[0].length, canvas.height / known.length];
  brush.clearRect(0, 0, canvas.width, canvas.height);
  known.forEach((row, k) => {
    for (let t = 0; t < row.length; t++) {
      brush.fillStyle = row[t] === "1" ? `hsl(${205 + 22 * k} 60% 50%)` : "#8884";
      brush.fillRect(t * wide, k * high, Math.max(1, wide - 0.5), high - 1);
    }
  });
}

async function makeSound() {
  const body = { prompt: $("text").value, duration: Number($("duration").value), stream: true };
  if ($("seed").value) body.seed = Number($("seed").value);
  for await (const [name, data] of eventsOf(await ask("v1/audio/generations", body))) {
    if (name === "step") {
      drawGrid(data.known);
      say(`step ${data.step} of ${data.of}`);
    } else if (name === "error") {
      throw new Error(data.error.message);
    } else {
      return [fromBase64(data.audio, "audio/wav"), data.seed];
    }
  }
  throw new Error("the server stopped in the middle");
}

async function makeSpeech() {
  const body = { model: "speech", input: $("text").value, response_format: "flac", speed: Number($("speed").value) };
  const clip = $("clip").files[0] ?? recorded;
  if (clip) body.voice_clip = await inBase64(await asWav(clip));
  else if ($("voice").value) body.voice = $("voice").value;
  if ($("seed").value) body.seed = Number($("seed").value);
  $("grid").hidden = true;
  const answer = await ask("v1/audio/speech", body);
  return [await asWav(await answer.blob()), answer.headers.get("x-seed")];
}

async function busy(button, work) {
  button.disabled = true;
  const started = performance.now();
  say("being made …");
  try {
    const seed = await work();
    say(`done in ${((performance.now() - started) / 1000).toFixed(1)} s, seed ${seed}`);
  } catch (error) {
    say(error.message, true);
  } finally {
    button.disabled = false;
  }
}

async function show(blob) {
  $("result").hidden = false;
  $("undo").disabled = takes.length < 2;
  if ($("download").href) URL.revokeObjectURL($("download").href);
  $("download").href = URL.createObjectURL(blob);
  player?.destroy();
  const regions = WaveSurfer.Regions.create();
  const color = getComputedStyle(document.documentElement).getPropertyValue("--accent");
  player = WaveSurfer.create({ container: "#wave", height: 96, waveColor: color, plugins: [regions] });
  player.registerPlugin(WaveSurfer.Spectrogram.create({ height: 128, labels: false, useWebWorker: false }));
  for (const event of ["play", "pause", "finish"]) {
    player.on(event, () => ($("play").textContent = player.isPlaying() ? "Pause" : "Play"));
  }
  regions.enableDragSelection({});
  regions.on("region-created", (fresh) => {
    if (span && span !== fresh) span.remove();
    span = fresh;
    noteSpan();
  });
  regions.on("region-updated", noteSpan);
  span = null;
  await player.loadBlob(blob);
  const seconds = player.getDuration();
  $("about").textContent = `${seconds.toFixed(2)} s`;
  for (const id of ["from", "to"]) $(id).max = seconds;
  regions.addRegion({ start: seconds * 0.3, end: seconds * 0.6, color: "#e0a03055" });
}

function noteSpan() {
  $("from").value = span.start.toFixed(2);
  $("to").value = span.end.toFixed(2);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("make"), async () => {
    const speech = document.querySelector("[name=task]:checked").value === "speech";
    const [blob, seed] = await (speech ? makeSpeech() : makeSound());
    takes.length = 0;
    takes.push(blob);
    await show(blob);
    return seed;
  });
});

$("edit").addEventListener("submit", (event) => {
  event.preventDefault();
  busy($("remake"), async () => {
    const body = { task: "inpaint", start: Number($("from").value), end: Number($("to").value) };
    body.audio = await inBase64(takes.at(-1));
    if ($("edit-text").value.trim()) body.prompt = $("edit-text").value;
    const answer = await ask("v1/audio/edits", body);
    takes.push(new Blob([await answer.arrayBuffer()], { type: "audio/wav" }));
    await show(takes.at(-1));
    return answer.headers.get("x-seed");
  });
});

for (const id of ["from", "to"]) {
  $(id).addEventListener("change", () => span?.setOptions({ start: Number($("from").value), end: Number($("to").value) }));
}

$("play").addEventListener("click", () => player?.playPause());

$("undo").addEventListener("click", async () => {
  takes.pop();
  await show(takes.at(-1));
  say("the last edit is undone");
});

$("record").addEventListener("click", async () => {
  if (recorder) {
    recorder.stop();
    return;
  }
  try {
    const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
    const parts = [];
    recorder = new MediaRecorder(microphone);
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => {
      recorded = new Blob(parts, { type: recorder.mimeType });
      $("clip").value = "";
      microphone.getTracks().forEach((track) => track.stop());
      recorder = null;
      $("record").textContent = "Record another";
      $("record").setAttribute("aria-pressed", "false");
      say("recorded; it will be the voice");
    });
    recorder.start();
    $("record").textContent = "Stop recording";
    $("record").setAttribute("aria-pressed", "true");
    say("recording: speak for two seconds or more");
  } catch {
    recorder = null;
    say("no microphone may be used here", true);
  }
});

for (const choice of document.querySelectorAll("[name=task]")) {
  choice.addEventListener("change", () => {
    const speech = document.querySelector("[name=task]:checked").value === "speech";
    document.querySelectorAll(".of-speech").forEach((part) => (part.hidden = !speech));
    document.querySelectorAll(".of-sound").forEach((part) => (part.hidden = speech));
    $("text-label").textContent = speech ? "What to say" : "What it should sound like";
    if (speech) listVoices();
  });
}

async function listVoices() {
  if ($("voice").options.length) return;
  try {
    const { voices } = await (await ask("v1/voices")).json();
    for (const voice of voices) {
      $("voice").add(new Option(voice.description ? `${voice.id}: ${voice.description}` : voice.id, voice.id));
    }
  } catch (error) {
    say(error.message, true);
  }
}

$("token").addEventListener("change", listVoices);
