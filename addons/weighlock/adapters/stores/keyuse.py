"""The use of static keys, as the ledger's clear part tells it."""

from __future__ import annotations

from typing import Any

from weighlock.adapters.stores.ledgerfile import Reader
from weighlock.ledger.entry import timestamp

DAY, WEEK = 86_400, 7 * 86_400

# Most entries hold no key, and are passed over before their JSON is read. A peer is an address and, behind the last
# colon, a port.
_SQL = """
WITH refusals AS MATERIALIZED (
    SELECT entry FROM entries WHERE instr(entry, '"static_keys":') AND instr(entry, '"kind":"refusal"')
), uses AS (
    SELECT
        entry ->> '$.time' AS time,
        coalesce(entry ->> '$.body.host', '') AS host,
        coalesce(entry ->> '$.body.who.workload', '') AS workload,
        iif(entry ->> '$.body.who.workload' IS NULL, rtrim(entry ->> '$.body.peer', '0123456789'), '') AS peer,
        coalesce(entry ->> '$.body.size', 0) AS size,
        key.value ->> '$.vendor' AS vendor,
        key.value ->> '$.digest' AS fingerprint,
        key.value ->> '$.last4' AS last4
    FROM refusals, json_each(entry, '$.body.static_keys') AS key
    WHERE entry ->> '$.time' >= :since
), lines AS (
    SELECT
        vendor, fingerprint, last4, workload, substr(peer, 1, length(peer) - 1) AS source, host,
        min(time) AS first_seen, max(time) AS last_seen, count(*) AS requests, sum(size) AS bytes
    FROM uses
    GROUP BY fingerprint, workload, source, host
)
SELECT *, count(*) OVER () AS total FROM lines
ORDER BY
    CASE WHEN last_seen >= :day THEN 0 WHEN last_seen >= :week THEN 1 ELSE 2 END,
    requests DESC, last_seen DESC, fingerprint, workload, source, host
LIMIT :limit
"""


def key_uses(reader: Reader, *, since: str, now: float, limit: int) -> tuple[list[dict[str, Any]], int]:
    """A row for each key, workload (or address, where none is known) and host, and how many there are in all.

    *since* is the text of an entry's time, *now* Unix seconds. First what was used within a day, then within a week,
    then the rest; and of each, the most requests. At most *limit* rows. Raises Damaged.
    """
    moments = {"since": since, "day": timestamp(now - DAY), "week": timestamp(now - WEEK)}
    rows = list(reader.query(_SQL, **moments, limit=limit))
    total = rows[0]["total"] if rows else 0
    return [{name: value for name, value in row.items() if name != "total"} for row in rows], total
