"""Metrics of HTTP, the database pool and the service. Labels are never ids."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("takt_http_requests_total", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS = Histogram(
    "takt_http_request_seconds",
    "Time from the first byte read to the last byte written",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
REFUSALS = Counter("takt_refusals_total", "Requests refused, by error code", ["code"])
CUT_OFF = Counter("takt_http_cut_off_total", "Answers that were begun and could not be finished", ["error"])
IDEMPOTENCY_REPLAYS = Counter("takt_idempotency_replays_total", "Requests answered with a stored answer")
COMMAND_RETRIES = Counter(
    "takt_command_retries_total", "Commands run again because others changed the same rows", ["reason"]
)
DB_UP = Gauge("takt_db_up", "1 while the database answers")
DB_POOL_IN_USE = Gauge("takt_db_pool_in_use", "Connections handed out")
SERVICE_INFO = Gauge("takt_service_info", "Always 1; labels say what runs", ["service", "plant"])
