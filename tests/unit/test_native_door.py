"""Who goes through the native door: the extension is no module that import-linter could watch."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROOMS = {"clock", "parts", "sampling", "simulator", "spool", "targets"}


def imported_names(text: str, package: str) -> Iterator[str]:
    """Yield the full name of everything that a module's text imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{package}.{node.module or ''}".rstrip(".") if node.level else node.module or ""
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms_behind(door: str, package: Path) -> set[str]:
    """Return the first folder, or file, of each module of a package that imports a native extension."""
    return {
        path.relative_to(package).parts[0]
        for path in package.rglob("*.py")
        if door in imported_names(path.read_text(), package.name)
    }


def test_six_rooms_import_the_native_core() -> None:
    assert rooms_behind("regtap._native", REPOSITORY / "logger" / "regtap") == ROOMS


@pytest.mark.parametrize("package", ["bench/regtap_bench", "analysis/regtap_analysis"])
def test_other_packages_leave_the_native_core_alone(package: str) -> None:
    assert rooms_behind("regtap._native", REPOSITORY / package) == set()


@pytest.mark.parametrize(
    "text",
    [
        "from regtap import _native",
        "import regtap._native as core",
        "from regtap._native import Kind",
        "def f():\n    from . import _native",
    ],
)
def test_every_way_to_import_it_is_seen(tmp_path: Path, text: str) -> None:
    package = tmp_path / "regtap"
    package.mkdir()
    (package / "recording.py").write_text(text)

    assert rooms_behind("regtap._native", package) == {"recording.py"}
