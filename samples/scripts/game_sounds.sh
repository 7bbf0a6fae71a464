#!/usr/bin/env bash
# A pack of sounds for a game: a row each in sounds.csv, folders and formats by the names in it.
# Add a row and run it again: only what is new is made.
#
#   game_sounds.sh [FOLDER]
set -euo pipefail
here=$(dirname "$0")
maskaudio batch "$here/sounds.csv" -o "${1:-sounds}"
