"""The kinds of files that are sometimes given instead of a table of numbers, known by how they begin."""

import re

SNIFFED = 4096  # bytes from which the kind is determined

_BYTES = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive (spreadsheets are such archives: export the sheet as CSV)"),
    (b"\x1f\x8b", "a gzip archive (unpack it first)"),
    (b"BZh", "a bzip2 archive (unpack it first)"),
    (b"\xfd7zXZ", "an xz archive (unpack it first)"),
    (b"7z\xbc\xaf", "a 7z archive (unpack it first)"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (export the sheet as CSV)"),
    (b"\x93NUMPY", "a NumPy array (write it with numpy.savetxt)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"MATLAB 5", "a MATLAB file"),
    (b"SQLite format", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
    (b"\xff\xfe", "text in UTF-16 (save it as UTF-8)"),
    (b"\xfe\xff", "text in UTF-16 (save it as UTF-8)"),
)
_TEXTS = (
    (r"version https?://[^\n]*(git-lfs|hawser)", "a pointer file of Git LFS (git lfs pull fetches the file itself)"),
    (r"(\S*/)?\.?git/annex/objects/|/annex/objects/", "a pointer file of git-annex (git annex get fetches the file)"),
    (r"<!doctype html|<html|<head|<body", "an HTML page (was an error page saved instead of the file?)"),
    (r"\{\\rtf", "an RTF document (save it as plain text)"),
    (r"[{\[]", "JSON"),
    (r"%YAML|---\s*\n|image:\s|[A-Za-z_]\w*:\s*\n", "YAML"),
)


def kind_of(start: bytes) -> str | None:
    """The kind of a file that is certainly no table of numbers; None if it may be one.

    Args:
        start: Its first ``SNIFFED`` bytes.
    """
    for mark, kind in _BYTES:
        if start.startswith(mark):
            return kind
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace").lstrip()
    for pattern, kind in _TEXTS:
        if re.match(pattern, text, re.IGNORECASE):
            return kind
    if text.startswith("<"):
        names = [name for name in ("OpenDRIVE", "gpx", "kml", "svg", "osm", "commonRoad") if f"<{name}" in text]
        return f"XML ({names[0]})" if names else "XML"
    return None


def beginning(start: bytes) -> str:
    """The first line that is not empty, shortened, as text to show."""
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", errors="replace").strip()
    line = text.splitlines()[0].strip() if text else ""
    return line if len(line) <= 40 else line[:40] + "…"
