"""Metrics of the front door. Labels are never ids."""

from prometheus_client import Counter, Gauge, Histogram

SIGN_INS = Counter("takt_gateway_sign_ins_total", "Sign-ins and refreshes, by what came of them", ["outcome"])
STREAMS = Gauge("takt_gateway_streams", "Live streams that are open")
STREAMS_LOST = Counter("takt_gateway_streams_lost_total", "Clients let go because they read too slowly")
UPSTREAM_SECONDS = Histogram(
    "takt_gateway_upstream_seconds",
    "From sending a request on to the first byte of its answer",
    ["service"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
UPSTREAM_AWAY = Counter("takt_gateway_upstream_away_total", "Requests whose owner did not answer", ["service"])
