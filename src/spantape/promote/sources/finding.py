"""What was named as a source, as files: paths, directories, globs, and URLs of any file system that fsspec knows."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast

from spantape.errors import UsageError
from spantape.promote.sources._base import Source

_ENDINGS: Final = frozenset(
    (
        ".json",
        ".jsonl",
        ".ndjson",
        ".otlp",
        ".pb",
        ".bin",
        ".proto",
        ".binpb",
        ".tape",
        ".journal",
        ".segment",
    )
)
_JOURNAL: Final = ".collect"  # From: spantape.collect._engine
_PACKED: Final = (".gz", ".zst", ".zstd")


class Passed(NamedTuple):
    """A file of a directory that was passed over, and why."""

    path: str
    why: str


def find(named: Iterable[str]) -> Iterator[Source | Passed]:
    """The files that `named` stand for, each once, directories in order of their paths.

    A directory gives the files whose endings exporters use; of the others it is said that they were passed over.

    Raises:
        UsageError: a path, a glob or a URL stands for nothing, or fsspec is needed and not there.
    """
    seen: set[str] = set()
    for name in named:
        for found in _of(name):
            if found.path not in seen:
                seen.add(found.path)
                yield found


def _of(name: str) -> Iterator[Source | Passed]:
    if "://" in name:
        return _remote(name)
    path = Path(name)
    if path.is_dir():
        return _inside(path)
    if path.exists():
        return iter([_local(name)])
    matches = sorted(glob.glob(name, recursive=True)) if glob.has_magic(name) else []  # noqa: PTH207 - absolute too
    if not matches:
        raise UsageError(f"got source {name!r}, expected a file, a directory, a glob that matches, or a URL")
    return (found for match in matches for found in _of(match))


def _inside(directory: Path) -> Iterator[Source | Passed]:
    """The files of a directory; of a running `collect` its journal first, since that becomes tapes beside it."""
    for segment in sorted(directory.glob(f"{_JOURNAL}/*.segment")):
        yield _local(str(segment), named=False)
    for path in sorted(str(file) for file in directory.rglob("*") if file.is_file()):
        if any(part.startswith(".") for part in Path(path).relative_to(directory).parts):
            continue
        yield _local(path, named=False) if _is_export(path) else Passed(path, "its ending is no exporter's")


def _is_export(path: str) -> bool:
    """Whether a file's name has an ending that exporters give, behind what rotation and packing add."""
    endings = [ending for ending in Path(path).suffixes if ending not in _PACKED]
    return bool(_ENDINGS.intersection(endings)) or (not endings and Path(path).suffix in _PACKED)


def _local(path: str, *, named: bool = True) -> Source:
    return Source(path, lambda: Path(path).open("rb"), named)


# --- fsspec ----------------------------------------------------------------------------------------------------------


def _remote(url: str) -> Iterator[Source | Passed]:
    filesystem, root = _filesystem(url)
    if filesystem.isdir(root):
        paths = sorted(filesystem.find(root))
        return (
            _opened(filesystem, path) if _is_export(path) else Passed(_url(filesystem, path), "its ending")
            for path in paths
        )
    matches = sorted(filesystem.glob(root)) if glob.has_magic(root) else [root]
    if not matches or not filesystem.exists(matches[0]):
        raise UsageError(f"got source {url!r}, and nothing is there")
    return (_opened(filesystem, path) for path in matches)


def _filesystem(url: str) -> tuple[Any, str]:
    try:
        import fsspec  # type: ignore[import-untyped] # it ships no types
    except ImportError as error:
        raise UsageError(
            f"got source {url!r}, which needs fsspec: pip install 'spantape[fsspec]', and what it asks for"
        ) from error
    try:
        filesystem, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        raise UsageError(f"got source {url!r}, which fsspec cannot open ({error})") from error
    return filesystem, str(root)


def _url(filesystem: Any, path: str) -> str:
    return str(filesystem.unstrip_protocol(path))


def _opened(filesystem: Any, path: str) -> Source:
    return Source(_url(filesystem, path), lambda: cast("BinaryIO", filesystem.open(path, "rb")))
