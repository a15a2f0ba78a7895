"""Where things live: imports go down only, and no file or function outgrows its reader."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "fedh2l"
PYTHON = [
    p
    for part in ("src", "tests", "benchmarks", "tools", "examples")
    for p in (ROOT / part).rglob("*.py")
]

# Floors, the lowest first. What stands on one floor imports from its own folder and from below;
# folders that share a floor do not know each other. A module of the root is named by its file.
FLOORS = [
    {"error"},
    {"choices", "bounds", "discarded", "own_code", "finding", "others"},
    {"stored_rows", "tables"},
    {"rows"},
    {"delivery", "learner", "message", "question", "seed_rows"},
    {"warp"},
    {"registration", "table_views", "text_views", "views"},
    {"made_view"},
    {"distill", "metrics", "seedset", "teachers"},
    {"wire"},
    {"peer"},
    {"loop"},
    {"record"},
    {"algorithms", "learners", "data", "exchange"},
    {"simulation", "live", "templates"},
    {"commands"},
    {"cli"},
    {"__main__", "__init__"},
]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 220, 50
MANY_DECISIONS, DECISIONS_PER_LINE, COMMENTS = 10, 0.35, 2.0


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_name(p): p for p in PACKAGE.rglob("*.py")}


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports, wherever in it, for types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{a.name}" for a in node.names] + [node.module]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        for name in names:
            inside = name.removeprefix("fedh2l.")
            if name.startswith("fedh2l.") and inside in MODULES:
                yield inside


def room(module: str) -> str:
    return module.partition(".")[0]


EDGES = {(a, b) for a, path in MODULES.items() for b in imported(path) if a != b}


def test_every_module_stands_on_a_floor() -> None:
    assert {room(m) for m in MODULES} <= set(FLOOR)


def test_imports_go_down_only() -> None:
    upward = {
        (a, b)
        for a, b in EDGES
        if room(a) != room(b) and FLOOR[room(b)] >= FLOOR[room(a)] and a != "__init__"
    }
    assert upward == set()


@pytest.mark.parametrize("of", ["files", "folders"])
def test_nothing_imports_itself_by_a_detour(of: str) -> None:
    pairs = EDGES
    if of == "folders":
        # The root is told apart by file, and a folder may import what lies in a folder of its own.
        folders = {(a.rpartition(".")[0] or a, b.rpartition(".")[0] or b) for a, b in EDGES}
        pairs = {(a, b) for a, b in folders if a != b and not a.startswith(b + ".")}
    graph = nx.DiGraph(sorted(pairs))
    assert [c for c in nx.strongly_connected_components(graph) if len(c) > 1] == []


def prints(path: Path) -> bool:
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return any(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)


def test_nothing_below_the_commands_prints() -> None:
    above = ("commands", "cli")
    assert [m for m, path in MODULES.items() if room(m) not in above and prints(path)] == []


# --- what a reader can hold


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            yield f"{path.relative_to(ROOT)}:{node.name}", node


def lines_of_body(node: ast.FunctionDef, source: list[str]) -> list[str]:
    """The lines of a function below its signature and its docstring."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    start = first.end_lineno if documented else first.lineno - 1
    return source[start : node.end_lineno]


DECISIONS = (
    ast.If,
    ast.For,
    ast.While,
    ast.IfExp,
    ast.ExceptHandler,
    ast.comprehension,
    ast.Assert,
    ast.match_case,
)


def decisions(node: ast.FunctionDef) -> int:
    """Branches, loops, conditions and their parts, as in McCabe's count."""
    count = 0
    for part in ast.walk(node):
        count += isinstance(part, DECISIONS)
        count += len(part.ifs) if isinstance(part, ast.comprehension) else 0
        count += len(part.values) - 1 if isinstance(part, ast.BoolOp) else 0
    return count


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        str(p.relative_to(ROOT))
        for p in PYTHON
        if len(p.read_text().splitlines()) > LINES_OF_A_FILE
    }
    assert long == set()


def length(path: Path, node: ast.FunctionDef) -> int:
    """Of all of a function; of a command without signature and docstring, which are its help."""
    if path.is_relative_to(PACKAGE / "commands"):
        return len(lines_of_body(node, path.read_text().splitlines()))
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def test_no_function_is_longer_than_a_page() -> None:
    long = {
        name
        for path in PYTHON
        for name, node in functions(path)
        if length(path, node) > LINES_OF_A_FUNCTION
    }
    assert long == set()


def test_functions_with_many_decisions_say_why() -> None:
    found: list[tuple[str, float, int]] = []
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text().splitlines()
        for name, node in functions(path):
            if (count := decisions(node)) >= MANY_DECISIONS:
                body = lines_of_body(node, source)
                found.append((name, count / len(body), sum("# " in line for line in body)))
    dense = {name for name, density, _ in found if density > DECISIONS_PER_LINE}
    assert dense == set()
    assert sum(comments for *_, comments in found) >= COMMENTS * len(found)


def test_ruff_format_has_the_last_word() -> None:
    skips = [str(p) for p in PYTHON if re.search(r"#\s*fmt: *(skip|off)", p.read_text())]
    assert skips == []


def test_floors_are_in_order() -> None:
    assert all(below.isdisjoint(above) for below, above in pairwise(FLOORS))
