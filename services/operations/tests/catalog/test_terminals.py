from operations.catalog.terminals import TERMINALS
from plantkit.testing.resource_suite import ResourceSuite


class TestTerminals(ResourceSuite):
    resource = TERMINALS
    valid = {"code": "HAM-1", "name": "Hamburg 1", "account_code": "4711", "address": "Pier 1, Gate 3"}
    patch = {"name": "Hamburg East", "account_code": None}
    invalid = {"name": "", "account_code": "47/11", "address": "two\nlines"}
