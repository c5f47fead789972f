"""`python -m bench commands|consume|imports|lists|records|relay|seed-claims|visible`: run, print, keep the JSON.

Exit 1: a must was missed.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from bench import commands, consume, imports, lists, records, relay, report, seed_claims, visible
from bench.report import Round, Verdict


def main() -> int:
    given = _parser().parse_args()
    benches = {
        "commands": _commands,
        "consume": _consume,
        "imports": _imports,
        "lists": _lists,
        "records": _records,
        "relay": _relay,
        "seed-claims": _seed_claims,
        "visible": _visible,
    }
    return benches[given.bench](given)


def _commands(given: argparse.Namespace) -> int:
    pace = commands.Pace(given.rounds, given.seconds, given.connections)
    rounds, verdicts = commands.run(pace)
    title = f"commands: {pace.rounds} rounds of {pace.seconds:g} s, {pace.connections} connections; "
    return _judged(given, title + commands.describe(rounds), "commands/s", rounds, verdicts, pace=vars(pace))


def _consume(given: argparse.Namespace) -> int:
    amount = consume.Amount(given.rounds, given.rows, given.keys)
    rounds, verdicts = consume.run(amount)
    title = f"consume: {amount.rounds} rounds of {amount.rows:,} records; few keys are {amount.keys:,}"
    return _judged(given, title, "events/s", rounds, verdicts, amount=vars(amount))


def _imports(given: argparse.Namespace) -> int:
    amount = imports.Amount(given.rounds, given.rows)
    rounds, verdicts = imports.run(amount)
    title = f"imports: {amount.rounds} rounds of {amount.rows:,} rows x 12 columns"
    return _judged(given, title, "rows/s", rounds, verdicts, amount=vars(amount))


def _lists(given: argparse.Namespace) -> int:
    amount = lists.Amount(given.rounds, given.rows, given.pages)
    rounds, verdicts = lists.run(amount)
    title = f"lists: {amount.rounds} rounds over {amount.rows:,} operations; pages of 100"
    code = _judged(given, title, "pages/s", rounds, verdicts, amount=vars(amount), must_ms=lists.MUST_MS)
    print(lists.verdict(rounds))
    return code if lists.is_fast(rounds) else 1


def _seed_claims(given: argparse.Namespace) -> int:
    amount = seed_claims.Amount(given.rounds, given.orders, given.seconds)
    rounds, verdicts = seed_claims.run(amount)
    title = f"seed-claims: {amount.rounds} rounds over {amount.orders:,} orders with their lines and items"
    return _judged(given, title, "lists/s", rounds, verdicts, amount=vars(amount))


def _records(given: argparse.Namespace) -> int:
    amount = records.Amount(given.rounds, given.seconds, given.writers, given.depth)
    rounds, verdicts = records.run(amount)
    title = f"records: {amount.rounds} rounds of {amount.seconds:g} s, {amount.writers} writers, "
    title += f"a history of {amount.depth:,} versions"
    return _judged(given, title, "/s", rounds, verdicts, amount=vars(amount))


def _relay(given: argparse.Namespace) -> int:
    amount = relay.Amount(given.rounds, given.rows, given.aggregates)
    rounds, verdicts = relay.run(amount)
    title = f"relay: {amount.rounds} rounds of {amount.rows:,} rows over {amount.aggregates:,} aggregates"
    return _judged(given, title, "events/s", rounds, verdicts, amount=vars(amount))


def _visible(given: argparse.Namespace) -> int:
    pace = visible.Pace(given.rounds, given.rate, given.seconds)
    rounds = visible.run(pace)
    title = f"visible: {pace.rounds} rounds of {pace.seconds:g} s, {pace.rate} orders/s offered"
    print(report.render(title, "orders/s", rounds, []), visible.verdict(rounds), sep="\n")
    limits = {"must_ms": visible.MUST_MS, "aim_ms": visible.AIM_MS}
    report.write(given.json, "visible", rounds, [], pace=vars(pace), p99=limits)
    return 0 if visible.is_met(rounds) else 1


def _judged(
    given: argparse.Namespace, title: str, unit: str, rounds: list[Round], verdicts: list[Verdict], **asked: Any
) -> int:
    """Prints the table, keeps the JSON; 0 when every must is met."""
    print(report.render(title, unit, rounds, verdicts))
    report.write(given.json, given.bench, rounds, verdicts, **asked)
    return 0 if all(verdict.is_met for verdict in verdicts) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "takt bench", description="What we claim, beside the peers it is measured against."
    )
    benches = parser.add_subparsers(dest="bench", required=True)
    measured = {
        "commands": commands,
        "consume": consume,
        "imports": imports,
        "lists": lists,
        "records": records,
        "relay": relay,
        "seed-claims": seed_claims,
        "visible": visible,
    }
    for name, module in measured.items():
        one = benches.add_parser(name, description=module.__doc__)
        one.add_argument("--rounds", type=int, default=5)
        one.add_argument("--json", type=Path, default=Path("bench") / "results" / f"{name}.json")
        if name == "commands":
            one.add_argument("--seconds", type=float, default=4.0, help="of each turn, after a second to warm up")
            one.add_argument("--connections", type=int, default=16)
        elif name == "consume":
            one.add_argument("--rows", type=int, default=60_000, help="records of each of the two topics")
            one.add_argument("--keys", type=int, default=5_000, help="of the topic of few keys")
        elif name == "imports":
            one.add_argument("--rows", type=int, default=100_000)
        elif name == "lists":
            one.add_argument("--rows", type=int, default=10_000_000)
            one.add_argument("--pages", type=int, default=50, help="that each of two clients asks for in a turn")
        elif name == "seed-claims":
            one.add_argument("--orders", type=int, default=20_000)
            one.add_argument("--seconds", type=float, default=4.0, help="of each turn")
        elif name == "records":
            one.add_argument("--seconds", type=float, default=4.0, help="of each turn")
            one.add_argument("--writers", type=int, default=8, help="at once, each on a record of its own")
            one.add_argument("--depth", type=int, default=10_000, help="versions of the history that is paged")
        elif name == "visible":
            one.add_argument("--rate", type=int, default=500, help="orders a second")
            one.add_argument("--seconds", type=float, default=10.0, help="of each round")
        else:
            one.add_argument("--rows", type=int, default=40_000)
            one.add_argument("--aggregates", type=int, default=2_000)
    return parser


if __name__ == "__main__":
    sys.exit(main())
