"""One client of a busy order, as a process of its own: it reports and corrects, and counts what it was answered."""

import json
import random
from collections import Counter
from pathlib import Path
from uuid import uuid4

import httpx

_FIRST_ENTRIES = 200  # as many as a client looks at before it corrects one


def run(base: str, token: str, keys: str, seed: int, commands: int, corrections_percent: int, answers: str) -> None:
    """`keys` are the operations, joined by blanks; what was answered how often is written to the file `answers`."""
    dice, counted, paths = random.Random(seed), Counter[str](), keys.split()
    with httpx.Client(base_url=base, headers={"authorization": token}, timeout=20, trust_env=False) as client:
        for _ in range(commands):
            path = f"/api/v1/operations/{dice.choice(paths)}"
            corrects = dice.random() * 100 < corrections_percent
            body = _correction(client, path, dice) if corrects else _report(dice)
            verb = "correct" if "entry_id" in body else "report"
            answer = client.post(f"{path}/{verb}", json=body, headers={"idempotency-key": str(uuid4())})
            counted[f"{verb} {answer.json().get('code', answer.status_code)}"] += 1
    Path(answers).write_text(json.dumps(counted))


def _report(dice: random.Random) -> dict[str, str]:
    scrap = int(dice.random() < 0.1)
    return {"good": str(dice.randint(1, 4)), "scrap": str(scrap), **({"reason": "porosity"} if scrap else {})}


def _correction(client: httpx.Client, path: str, dice: random.Random) -> dict[str, str]:
    """Of any entry, whether it may be corrected or not; a report where there is none yet."""
    found = client.get(f"{path}/ledger", params={"limit": _FIRST_ENTRIES}).json()["data"]
    if not found:
        return _report(dice)
    wrong = dice.choice(found)
    return {"entry_id": wrong["id"], "good": str(dice.randint(0, 4)), "scrap": wrong["scrap"].strip("-"), "reason": "x"}
