"""Where a request comes from, as far as that can be trusted."""

from ipaddress import ip_address, ip_network

from starlette.types import Scope


def source_of(scope: Scope, trusted_hops: int) -> str:
    """The caller's address: the peer, or what the nth proxy from the right saw. Never what the caller wrote itself.

    An IPv6 caller counts as its /64, which is what one household or server gets.
    """
    peer = scope["client"][0] if scope.get("client") else ""
    return _network(_seen_by_proxy(scope, trusted_hops) or peer)


def _seen_by_proxy(scope: Scope, trusted_hops: int) -> str:
    if trusted_hops == 0:
        return ""
    sent = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    hops = [hop.strip() for value in sent for hop in value.split(",")]
    return hops[-trusted_hops] if len(hops) >= trusted_hops else ""


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return "unknown"
    if known.version == 6 and known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ip_network((known, 64), strict=False)) if known.version == 6 else str(known)
