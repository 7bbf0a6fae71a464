"""How published checkpoints become model folders: audiocraft's MAGNeT, Amphion's MaskGCT, their codecs."""
