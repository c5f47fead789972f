"""From rounds to a verdict: medians, spread, ratios, peak memory; as a table for people and as JSON for machines."""

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil


@dataclass(frozen=True, kw_only=True)
class Round:
    """One contestant's turn. `per_s` is what counts; memory in MiB and CPU seconds by process."""

    name: str
    per_s: float
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    peak_mib: Mapping[str, float] = field(default_factory=dict)
    cpu_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """`ours` reaches at least `must` times `peer`. Without a `must` it is reported only."""

    title: str
    ours: str
    peer: str
    must: float | None = None
    aim: float | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    claim: Claim
    ratio: float
    lowest: float  # the worst of the rounds, each compared with the peer's turn beside it
    highest: float

    @property
    def is_met(self) -> bool:
        return self.claim.must is None or self.ratio >= self.claim.must


def judge(claim: Claim, rounds: Sequence[Round]) -> Verdict:
    """Ratio of the medians; the spread is that of the pairs that ran one after the other."""
    ours, peers = _rates(rounds, claim.ours), _rates(rounds, claim.peer)
    pairs = [mine / other for mine, other in zip(ours, peers, strict=True)]
    return Verdict(claim=claim, ratio=median(ours) / median(peers), lowest=min(pairs), highest=max(pairs))


def render(title: str, unit: str, rounds: Sequence[Round], verdicts: Sequence[Verdict]) -> str:
    """Both tables as text."""
    names = list(dict.fromkeys(turn.name for turn in rounds))
    lines = [title, "", _line("contestant", f"median {unit}", "min", "max", "p50 ms", "p99 ms", "peak MiB", "CPU s")]
    lines += [_contestant(name, [turn for turn in rounds if turn.name == name]) for name in names]
    lines += ["", _line("claim", "ratio", "worst pair", "best pair", "must", "aim", "", "")]
    lines += [_claim(verdict) for verdict in verdicts]
    return "\n".join(lines)


def write(path: Path, bench: str, rounds: Sequence[Round], verdicts: Sequence[Verdict], **about: Any) -> None:
    """Everything that was measured, so that the table can be made again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = [asdict(verdict) | {"is_met": verdict.is_met} for verdict in verdicts]
    at = datetime.now(UTC).isoformat(timespec="seconds")
    content = {"bench": bench, "at": at, "machine": _machine(), **about, "verdicts": told}
    path.write_text(json.dumps(content | {"rounds": [asdict(turn) for turn in rounds]}, indent=2) + "\n")


def _rates(rounds: Sequence[Round], name: str) -> list[float]:
    return [turn.per_s for turn in rounds if turn.name == name]


def _contestant(name: str, turns: Sequence[Round]) -> str:
    rates = [turn.per_s for turn in turns]
    numbers = [f"{number:,.0f}" for number in (median(rates), min(rates), max(rates))]
    latencies = [_median_of([turn.latency_ms for turn in turns], quantile) for quantile in ("p50", "p99")]
    memory = _each(max, [turn.peak_mib for turn in turns], "{:.0f}")
    return _line(name, *numbers, *latencies, memory, _each(median, [turn.cpu_s for turn in turns], "{:.1f}"))


def _median_of(turns: Sequence[Mapping[str, float]], key: str) -> str:
    values = [turn[key] for turn in turns if key in turn]
    return f"{median(values):.1f}" if values else ""


def _each(choose: Any, turns: Sequence[Mapping[str, float]], form: str) -> str:
    names = dict.fromkeys(name for turn in turns for name in turn)
    return ", ".join(f"{name} {form.format(choose([turn[name] for turn in turns if name in turn]))}" for name in names)


def _claim(verdict: Verdict) -> str:
    claim = verdict.claim
    bars = [f"{bar:.2f}" if bar is not None else "" for bar in (claim.must, claim.aim)]
    said = "" if claim.must is None else ("met" if verdict.is_met else "MISSED")
    return _line(
        claim.title, f"{verdict.ratio:.2f}", f"{verdict.lowest:.2f}", f"{verdict.highest:.2f}", *bars, said, ""
    )


def _line(first: str, *rest: str) -> str:
    return f"{first:<46}" + "".join(f"{cell:>14}" for cell in rest[:-2]) + "".join(f"  {cell}" for cell in rest[-2:])


def _machine() -> dict[str, Any]:
    memory = round(psutil.virtual_memory().total / 2**30, 1)
    about = {"python": platform.python_version(), "os": platform.platform()}
    return {"cpus": psutil.cpu_count(), "memory_gib": memory, **about}
