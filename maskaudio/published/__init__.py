"""How published checkpoints become model folders of ours: audiocraft's MAGNeT, Amphion's MaskGCT, their codecs."""
