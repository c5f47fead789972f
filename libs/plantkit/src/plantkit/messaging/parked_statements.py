"""Statements on the parked table of one group. $1 is always the group.

The head of a key is the first record of it that waits. It alone is tried, and what waits behind it has its state; only
earlier versions pass a head that came too early. Nothing is ever deleted here.
"""

from typing import Final

BEHIND: Final = "event.behind-parked"

# From one key to the next in the index: however many records of a key wait, it costs one look.
_EACH_HEAD = """
WITH RECURSIVE head AS (
    (SELECT id, topic, key, offset_, state, reason_code FROM parked
     WHERE group_name = $1 AND state IN ('retry', 'parked') AND key IS NOT NULL
     ORDER BY topic, key, offset_ LIMIT 1)
    UNION ALL
    SELECT following.* FROM head CROSS JOIN LATERAL (
        SELECT id, topic, key, offset_, state, reason_code FROM parked
        WHERE group_name = $1 AND state IN ('retry', 'parked') AND (topic, key) > (head.topic, head.key)
        ORDER BY topic, key, offset_ LIMIT 1) AS following)
"""
HEADS: Final = (
    _EACH_HEAD  # noqa: S608 - statements of ours
    + """
SELECT topic, key, offset_, state,
       CASE WHEN reason_code = $2 THEN (SELECT value FROM parked WHERE parked.id = head.id) END AS early FROM head
"""
)
PUT: Final = """
INSERT INTO parked (id, group_name, topic, "partition", offset_, key, value, headers, reason_code, reason, state,
                    attempts, next_attempt_at, parked_at)
SELECT id, $1, topic, "partition", offset_, key, value, headers::jsonb, code, reason, state, attempts,
       CASE WHEN state = 'retry' THEN clock_timestamp() + make_interval(secs => wait_s) END,
       CASE WHEN state = 'parked' THEN clock_timestamp() END
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::bytea[], $7::bytea[], $8::text[], $9::text[],
            $10::text[], $11::text[], $12::int[], $13::float8[])
     AS given (id, topic, "partition", offset_, key, value, headers, code, reason, state, attempts, wait_s)
ON CONFLICT (group_name, topic, "partition", offset_) DO NOTHING
RETURNING reason_code
"""
NEXT: Final = (
    _EACH_HEAD  # noqa: S608 - statements of ours
    + """
SELECT p.* FROM parked p
WHERE p.id = ANY(ARRAY(
        SELECT id FROM head
        UNION ALL SELECT passing.id FROM head JOIN parked passing
            ON passing.group_name = $1 AND passing.topic = head.topic AND passing.key = head.key
            AND passing.state IN ('retry', 'parked') AND passing.reason_code <> $2 WHERE head.reason_code = $3
        UNION ALL SELECT id FROM parked WHERE group_name = $1 AND state = 'retry' AND key IS NULL))
  AND p.state = 'retry' AND p.next_attempt_at <= clock_timestamp()
ORDER BY p.next_attempt_at, p.offset_ LIMIT 1
FOR UPDATE OF p SKIP LOCKED
"""
)
FOLLOWING: Final = """
SELECT * FROM parked
WHERE group_name = $1 AND topic = $2 AND key = $3 AND state IN ('retry', 'parked') AND offset_ > $4
ORDER BY offset_ LIMIT $5
FOR UPDATE
"""
EARLY: Final = """
SELECT * FROM parked
WHERE group_name = $1 AND topic = $2 AND key = $3 AND state = 'retry' AND reason_code = ANY($4::text[])
ORDER BY offset_ LIMIT 100
FOR UPDATE SKIP LOCKED
"""
DONE: Final = """
WITH done AS (
    UPDATE parked SET state = 'redriven', attempts = attempts + 1, next_attempt_at = NULL WHERE id = ANY($2::uuid[])
    RETURNING topic, key
)
UPDATE parked p SET next_attempt_at = now() FROM done
WHERE p.group_name = $1 AND p.topic = done.topic AND p.key = done.key AND p.id <> ALL($2::uuid[])
  AND p.state = 'retry' AND p.reason_code = $3
"""
FAILED: Final = """
UPDATE parked SET attempts = attempts + 1, reason_code = $3, reason = $4,
    first_failed_at = CASE WHEN attempts = 0 THEN clock_timestamp() ELSE first_failed_at END,
    state = CASE WHEN over THEN 'parked' ELSE state END,
    parked_at = CASE WHEN over THEN clock_timestamp() END,
    next_attempt_at = CASE WHEN NOT over THEN clock_timestamp() + make_interval(secs => wait_s) END
FROM (SELECT id AS judged, ($5::float8[])[attempts + 1] AS wait_s, $6 OR attempts >= cardinality($5::float8[])
             OR attempts > 0 AND first_failed_at < clock_timestamp() - make_interval(secs => $7) AS over
      FROM parked WHERE id = $2) AS judgement
WHERE id = judged AND group_name = $1 AND state = 'retry' AND next_attempt_at = $8
RETURNING state
"""
GIVEN_UP: Final = (
    _EACH_HEAD
    + """
UPDATE parked p SET state = 'parked', parked_at = clock_timestamp(), next_attempt_at = NULL
FROM head WHERE p.group_name = $1 AND p.topic = head.topic AND p.key = head.key AND p.state = 'retry'
  AND head.state = 'parked' AND head.reason_code <> $2 AND (p.reason_code = $2 OR head.reason_code <> $3)
"""
)
TAKEN_ALONG: Final = (
    _EACH_HEAD
    + """
UPDATE parked p SET state = 'retry', parked_at = NULL, next_attempt_at = clock_timestamp()
FROM head WHERE p.group_name = $1 AND p.topic = head.topic AND p.key = head.key AND p.state = 'parked'
  AND p.reason_code = $2 AND (head.state = 'retry' OR head.reason_code = $2)
"""
)
DEPTH: Final = """
SELECT state, count(*) FROM parked WHERE group_name = $1 AND state IN ('retry', 'parked') GROUP BY state
"""
