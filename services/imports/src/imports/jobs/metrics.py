"""Metrics of imports. Labels are never ids."""

from prometheus_client import Counter, Gauge, Histogram

IMPORT_ROWS = Counter("takt_import_rows_total", "Rows whose import has ended", ["target", "state"])
IMPORT_SECONDS = Histogram(
    "takt_import_seconds",
    "From the upload to the end of the import",
    ["outcome"],
    buckets=(0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
)
IMPORT_RESUMES = Counter("takt_import_resumes_total", "Files taken up again after an attempt that did not end")
IMPORT_WAITING = Gauge("takt_import_waiting", "Files that wait for the worker or are being read")
