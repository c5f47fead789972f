"""What proofs are made of: entries carried to the chain, and signatures."""

from services.records.tests.audit.conftest import arrive, carry, sign

__all__ = ["arrive", "carry", "sign"]
