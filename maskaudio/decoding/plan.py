"""The plan of a decode: where step counts, temperatures and guidance are set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maskaudio.checks import in_range
from maskaudio.decoding.spans import SCHEDULES
from maskaudio.errors import UsageError

SAMPLERS = ["confidence", "low-discrepancy", "first-hitting", "entropy", "magnet", "maskgct"]
SCORINGS = ("max", "product", "stride-1")
COURSES = ("down", "up", "constant")
SPACES = ("logits", "hidden")
GUIDED = (0.5, 0.95)  # shares of what is hidden between which guidance is worth a second row
COLDEST = 1e-2  # temperature that stands for 0
EVERYWHERE = (  # changed in every stage
    "top_p",
    "top_k",
    "sampler",
    "scoring",
    "course",
    "space",
    "rescale",
    "remask",
    "critic",
)


@dataclass(frozen=True)
class StagePlan:
    """How one stream (in the last stage of some networks: every stream that is left) is filled.

    temperature anneals linearly from its value to `last_temperature` over the steps. With `average` nothing
    is drawn: a cell becomes the code nearest to the mean of all, which keeps words clear where the choice
    is wide. top_k (0: all) and top_p (1: all) limit what is drawn to the likeliest tokens.

    guidance: weight of the condition over the unconditional row (1 = no unconditional pass). Its `course`
    follows the span schedule: `down` from the weight to `last_guidance`, `up` the other way, or `constant`.
    It works on the `logits` (MAGNeT) or on the features under the heads, `hidden` (MaskGCT); `rescale` (0 to
    1) takes back that much of the spread that it adds there (arXiv 2305.08891, equation 16). It is asked for
    while the share of hidden spans lies in `interval` (arXiv 2404.07724): a step outside it runs the network
    on half of the rows.

    sampler: `confidence` (MaskGIT: the most confident spans first; noise is the scale of the Gumbel noise on
    their log-probability, annealed to 0), `low-discrepancy` (spread over the clip), `first-hitting` (masked
    diffusion: a random order, exact with as many steps as spans), `entropy` (the surest spans, as many as
    cost `budget` nats together, at least as many as the schedule wants), and the published rules of `magnet`
    and `maskgct` (decoding/published.py).

    scoring: a span is as sure as its surest frame (`max`) or as all of them (`product`), or all of spans that
    may begin anywhere (`stride-1`, which may hide again what it has revealed; MAGNeT, section 3.2). remask:
    with `confidence`, spans already revealed are hidden again where others are surer. critic: how sure a span
    is, revealed ones included, is asked of the network's critic in a pass of its own.
    """

    steps: int
    temperature: float = 1.0
    last_temperature: float = 0.7
    top_p: float = 1.0
    guidance: float = 1.0
    noise: float = 1.0
    average: bool = False
    course: str = "down"
    rescale: float = 0.0
    sampler: str = "confidence"
    budget: float = 0.0
    remask: bool = False
    critic: bool = False
    space: str = "logits"
    scoring: str = "max"
    top_k: int = 0
    last_guidance: float = 1.0
    interval: tuple[float, ...] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for what, value, known in (
            ("sampler", self.sampler, SAMPLERS),
            ("guidance course", self.course, COURSES),
            ("guidance space", self.space, SPACES),
            ("scoring", self.scoring, SCORINGS),
        ):
            if value not in known:
                raise UsageError(f"{what} '{value}': choose {', '.join(known)}")
        check_interval(self.interval)
        if self.looks_back and self.sampler != "confidence":
            raise UsageError(f"the sampler '{self.sampler}' does not hide again what it has revealed")

    @property
    def looks_back(self) -> bool:
        """Whether what is revealed may be hidden again."""
        return self.remask or self.critic

    def guidance_at(self, masked: float) -> float:
        """The weight of the condition where the share `masked` (1 to 0) of the spans is hidden."""
        least, most = self.interval
        if not least <= masked <= most:
            return 1.0
        share = {"down": masked, "up": 1.0 - masked, "constant": 1.0}[self.course]
        return self.last_guidance + (self.guidance - self.last_guidance) * share

    def temperature_at(self, step: int) -> float:
        """Sampling temperature of step 0 … steps − 1."""
        done = step / max(1, self.steps - 1)
        return max(COLDEST, self.temperature + (self.last_temperature - self.temperature) * done)


@dataclass(frozen=True)
class Plan:
    """One StagePlan per stage of the network, coarse to fine."""

    stages: tuple[StagePlan, ...]
    span_length: int = 2
    schedule: str = "cosine"

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise UsageError(f"schedule '{self.schedule}': choose {', '.join(SCHEDULES)}")
        if self.span_length < 1 or any(stage.steps < 1 for stage in self.stages):
            raise UsageError("a plan needs spans of 1 frame or more, and a step for every stream")

    @property
    def steps(self) -> int:
        """Reveals over all stages."""
        return sum(stage.steps for stage in self.stages)


def default_plan(streams: int, span_length: int, steps: int | None = None) -> Plan:
    """What a freshly trained model decodes with: the first stream is guided and gets most of the steps.

    steps: in all; absent: 12, or two for every stream where that is more.
    """
    first, *later = split_steps(steps or max(12, 2 * streams), streams)
    stages = (
        StagePlan(first, guidance=3.0, interval=GUIDED),
        *(StagePlan(n, temperature=0.8) for n in later),
    )
    return Plan(stages, span_length)


def even_plan(streams: int, span_length: int) -> Plan:
    """The same for streams that do not refine each other, such as bands: two steps each, and all are guided.

    The first one, from which the others take their cue, gets what is left of twelve steps.
    """
    first = StagePlan(max(2, 12 - 2 * (streams - 1)), guidance=3.0)
    later = StagePlan(2, temperature=0.8, guidance=3.0, course="constant")
    return Plan((first, *[later] * (streams - 1)), span_length)


@dataclass(frozen=True)
class Changes:
    """What a user asks of a model's own plan; None leaves that as it is.

    steps: see `split_steps`. guidance goes to every stage that is guided in the plan (to the first where none
    is), of a sequence one number to every stage; temperature scales that of every stage that draws. span:
    frames masked and revealed together. The others are for every stage, see `StagePlan` and `Plan`. Raises
    UsageError for what makes no sense.
    """

    steps: int | Sequence[int] | None = None
    guidance: float | Sequence[float] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    span: int | None = None
    sampler: str | None = None
    scoring: str | None = None
    schedule: str | None = None
    course: str | None = None
    interval: Sequence[float] | None = None
    rescale: float | None = None
    remask: bool | None = None
    critic: bool | None = None
    space: str | None = None

    def __post_init__(self) -> None:
        for weight in self.guidance if isinstance(self.guidance, Sequence) else (self.guidance,):
            in_range("guidance", weight, 0.0, 100.0)
        in_range("temperature", self.temperature, 0.0, 10.0)
        in_range("top-p", self.top_p, 1e-3, 1.0)
        in_range("top-k", self.top_k, 0, 1 << 20)
        in_range("rescale", self.rescale, 0.0, 1.0)
        if self.interval is not None:
            check_interval(self.interval)
        if self.span is not None and self.span < 1:
            raise UsageError(f"span {self.span}: give frames, 1 or more")


def make_plan(plan: Plan, changes: Changes) -> Plan:
    """A model's own plan with what the user asks for put in its place."""
    stages = plan.stages
    if changes.steps is not None:
        counts = split_steps(changes.steps, len(stages))
        stages = tuple(replace(s, steps=n) for s, n in zip(stages, counts, strict=True))
    if (weight := changes.guidance) is not None:
        guided = [s.guidance != 1.0 for s in stages]
        guided = guided if any(guided) else [True] + [False] * (len(stages) - 1)
        weights = weight if isinstance(weight, Sequence) else [weight if g else 1.0 for g in guided]
        if len(weights) != len(stages):
            raise UsageError(f"guidance {','.join(f'{w:g}' for w in weights)}: give {len(stages)} numbers")
        stages = tuple(replace(s, guidance=w) for s, w in zip(stages, weights, strict=True))
    if (times := changes.temperature) is not None:
        stages = tuple(
            s
            if s.average  # nothing is drawn there
            else replace(s, temperature=s.temperature * times, last_temperature=s.last_temperature * times)
            for s in stages
        )
    asked = {k: getattr(changes, k) for k in EVERYWHERE if getattr(changes, k) is not None}
    if changes.interval is not None:
        asked["interval"] = tuple(changes.interval)
    stages = tuple(replace(s, **asked) for s in stages)
    return Plan(stages, changes.span or plan.span_length, changes.schedule or plan.schedule)


def check_interval(interval: Sequence[float] | float) -> None:
    """Raise UsageError where `interval` is not a lesser and a greater share of what is hidden."""
    ends = interval if isinstance(interval, Sequence) else [interval]
    if len(ends) != 2 or not 0.0 <= ends[0] < ends[1] <= 1.0:
        told = ",".join(f"{end:g}" for end in ends)
        raise UsageError(f"interval {told}: give two shares of what is hidden, 0 ≤ FROM < TO ≤ 1")


def split_steps(steps: int | Sequence[int], streams: int) -> tuple[int, ...]:
    """Steps of every stage: a sequence as given; of a total, a third (at least one each) goes to the later
    stages in equal parts and the rest to the first.

    Raises UsageError where there are fewer steps than streams.
    """
    if not isinstance(steps, int):
        if len(steps) != streams or min(steps) < 1:
            raise UsageError(f"steps {','.join(map(str, steps))}: give {streams} numbers of 1 or more")
        return tuple(steps)
    if steps < streams:
        raise UsageError(f"steps {steps}: this model has {streams} streams and needs at least one step each")
    if streams == 1:
        return (steps,)
    later = max(1, min(2, steps // 3 // (streams - 1)))
    return (steps - later * (streams - 1),) + (later,) * (streams - 1)
