#!/usr/bin/env bash
# The prompts of a phone menu: spoken from phone.csv, then as telephones want them (8 kHz, one channel).
#
#   phone_menu.sh [FOLDER]
set -euo pipefail
here=$(dirname "$0")
folder=${1:-phone}
maskaudio batch "$here/phone.csv" -o "$folder"
python3 - "$folder" <<'PY'
import sys
from pathlib import Path

import soundfile
from maskaudio.audio import read_audio, resample

for path in sorted(Path(sys.argv[1]).glob("*.wav")):
    clip = read_audio(path)
    narrow = path.with_name(f"{path.stem}.8k.wav")
    soundfile.write(narrow, resample(clip.samples, clip.sample_rate, 8000).T, 8000, subtype="ULAW")
    print(narrow)
PY
