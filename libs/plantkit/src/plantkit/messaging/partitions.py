"""Which partition a key belongs to, as every Kafka client of the plant computes it (murmur2, as the Java client does).

Our own arithmetic on whole words: the client library's works byte by byte and would be a tenth of the relay's time.
"""

import struct
from functools import lru_cache

_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 0xFFFFFFFF


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, count: int) -> int:
    """0..count-1, stable for as long as the topic keeps its number of partitions."""
    return (_murmur2(key) & 0x7FFFFFFF) % count


def _murmur2(data: bytes) -> int:
    whole = len(data) // 4
    mixed = _SEED ^ len(data)
    for word in struct.unpack_from(f"<{whole}I", data):
        scaled = word * _MULTIPLIER & _WORD
        scaled = (scaled ^ scaled >> 24) * _MULTIPLIER & _WORD
        mixed = (mixed * _MULTIPLIER & _WORD) ^ scaled
    if tail := data[whole * 4 :]:
        mixed = (mixed ^ int.from_bytes(tail, "little")) * _MULTIPLIER & _WORD
    mixed = (mixed ^ mixed >> 13) * _MULTIPLIER & _WORD
    return mixed ^ mixed >> 15
