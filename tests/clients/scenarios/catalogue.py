"""Names of the scenarios in a module, read from its source: its library may not be importable."""

import ast
from pathlib import Path


def scenario_names(module_name: str) -> list[str]:
    """The module's public functions, in their order."""
    source = (Path(__file__).parent / f"{module_name}.py").read_text(encoding="utf-8")
    return [
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
