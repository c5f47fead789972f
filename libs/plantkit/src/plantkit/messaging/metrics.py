"""Every metric of the machinery, declared once. A label is never an id."""

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_PENDING = Gauge("takt_outbox_pending", "Committed events that the broker has not acknowledged yet", ["service"])
OUTBOX_OLDEST_AGE = Gauge("takt_outbox_oldest_age_seconds", "Age of the oldest of them", ["service"])
OUTBOX_BLOCKED = Gauge(
    "takt_outbox_blocked_aggregates",
    "Aggregates held back by an event that cannot be published",
    ["service"],
)
OUTBOX_PUBLISHED = Counter(
    "takt_outbox_published_total",
    "Events that the broker has acknowledged, each time that they were told",
    ["service"],
)
RELAY_SLOTS_HELD = Gauge("takt_relay_slots_held", "Slots of aggregates that this relay owns", ["service"])
RELAY_FENCED = Counter(
    "takt_relay_fenced_total",
    "Times a relay found that somebody else had taken its slots",
    ["service"],
)
PRODUCE_ERRORS = Counter(
    "takt_produce_errors_total", "Sends that the broker refused or that failed", ["service", "error"]
)
KAFKA_UP = Gauge("takt_kafka_up", "1 while the broker answers", ["service"])

CONSUMED = Counter("takt_consumed_total", "Records taken from the log", ["group"])
APPLIED = Counter("takt_applied_total", "Events that took effect", ["group"])
INBOX_DUPLICATES = Counter("takt_inbox_duplicates_total", "Deliveries dropped because the inbox knew them", ["group"])
VERSIONS_STALE = Counter(
    "takt_versions_stale_total",
    "Deliveries dropped because a newer version had been applied",
    ["group"],
)
VERSION_GAPS = Counter(
    "takt_version_gap_total",
    "Events put aside because an earlier one of their subject had not come; they wait, then they are parked",
    ["group"],
)
HANDLER_SECONDS = Histogram("takt_handler_seconds", "Time of a batch's transaction", ["group"])
BATCH_RETRIES = Counter(
    "takt_batch_retries_total", "Batches tried again because the database was in trouble", ["group"]
)
PARKED_TOTAL = Counter("takt_parked_total", "Records moved aside", ["group", "reason"])
PARKED_DEPTH = Gauge("takt_parked_depth", "Records that lie aside", ["group", "state"])
SCHEMA_UNKNOWN = Counter(
    "takt_schema_unknown_total",
    "Records of a type or version that the contracts do not know",
    ["group"],
)
CONSUMER_LAG = Gauge("takt_consumer_lag", "Records of the log that the group has not committed", ["group"])
REBALANCES = Counter("takt_rebalances_total", "Assignments that a consumer was given", ["group"])
CONSUMER_RESTARTS = Counter("takt_consumer_restarts_total", "Consumers restarted because they stood still", ["group"])
OFFSET_LOST = Gauge(
    "takt_consumer_offset_lost",
    "Partitions whose offset is gone or out of range; needs a rebuild",
    ["group"],
)
READ_MODEL_AS_OF = Gauge(
    "takt_read_model_as_of_seconds",
    "Unix time up to which a read model holds all that a topic told; 0 when it is not known",
    ["model", "topic"],
)
