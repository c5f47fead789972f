"""The places where the product can be killed, and how often each is passed before it is."""

COMMAND = ("cmd.after_write_before_commit", "cmd.after_commit_before_response")
AUDIT = "audit.after_entry_before_commit"
RELAY = ("relay.after_select", "relay.after_send_before_ack", "relay.after_ack_before_mark")
RELAY_FENCED = "relay.after_lease_lost"
CONSUMER = (
    "consumer.after_poll",
    "consumer.after_effect_before_commit",
    "consumer.after_commit_before_offset",
)
DLQ = "dlq.after_park_before_offset"
IMPORT = ("import.after_store_before_row", "import.mid_batch", "import.after_last_batch_before_state")
REBUILD = "rebuild.before_commit"
REPLAY = ("replay.before_topics", "replay.after_page")
EVERY = frozenset({*COMMAND, AUDIT, *RELAY, RELAY_FENCED, *CONSUMER, DLQ, *IMPORT, REBUILD, *REPLAY})
PASSAGES = (1, 2, 17)
