"""Rebuild samples/: twenty prompts, seeds 0 to 2 of each, unselected; and the picture of a decode.

python -m samples.make
"""

from pathlib import Path

import numpy as np

import maskaudio

HERE = Path(__file__).parent


def main() -> None:
    """Write one Opus file per prompt and seed, and decode.png."""
    (HERE / "generated").mkdir(exist_ok=True)
    for prompt in (HERE / "prompts.txt").read_text().splitlines():
        for seed in range(3):
            name = f"{prompt.replace(',', '').replace(' ', '-')}_{seed}.opus"
            maskaudio.generate(prompt, duration=4.0, seed=seed).save(HERE / "generated" / name)
    draw_decode("rain on a tin roof with distant thunder", HERE / "decode.png")


def draw_decode(prompt: str, picture: Path) -> None:
    """Colour every cell of the grid by the step that revealed it."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    seen: list[np.ndarray] = []
    maskaudio.generate(prompt, seed=0, observer=lambda p: seen.append(p.known[0].cpu().numpy()))
    step = len(seen) - np.sum(seen, axis=0) + 1  # a cell known since step s was seen len − s + 1 times
    figure, axes = pyplot.subplots(figsize=(11, 2.6), layout="constrained")
    image = axes.imshow(step, aspect="auto", cmap="viridis", interpolation="nearest")
    axes.set_xlabel("frame (25 per second)")
    axes.set_ylabel("stream")
    figure.colorbar(image, label="revealed in step", pad=0.01)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
