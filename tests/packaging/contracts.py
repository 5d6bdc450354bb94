"""The kinds of import rules that import-linter does not bring: see [tool.importlinter]."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

STANDARD_LIBRARY = frozenset(sys.stdlib_module_names)


def within(module: str, packages: list[str]) -> bool:
    """Whether a module is one of these packages or lies inside one of them."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


class ImportRule(Contract):
    """A rule on single imports; a subclass says which imports offend.

    Imports inside functions and under ``TYPE_CHECKING`` count as well.
    """

    def offences(self, graph: ImportGraph) -> Iterator[tuple[str, str, list[int]]]:
        """Yield importer, imported and line numbers of each import that breaks the rule."""
        raise NotImplementedError

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Look at every import."""
        found = sorted(self.offences(graph))
        return ContractCheck(kept=not found, metadata={"offences": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """List what breaks the rule."""
        for importer, imported, lines in check.metadata["offences"]:
            places = ", ".join(f"l.{line}" for line in lines)
            output.print_error(f"- {importer} -> {imported} ({places})", bold=False)
        output.new_line()


class ImportsOnly(ImportRule):
    """Some modules import these packages and no others.

    Options: ``modules``; ``allowed`` packages; ``reach`` (also what the modules import, and so on);
    ``standard_library`` (all of it is allowed).
    """

    modules = cast("list[str]", fields.ListField(subfield=fields.StringField()))
    allowed = cast("list[str]", fields.ListField(subfield=fields.StringField()))
    reach = cast("bool", fields.BooleanField(required=False, default=False))
    standard_library = cast("bool", fields.BooleanField(required=False, default=False))

    def offences(self, graph: ImportGraph) -> Iterator[tuple[str, str, list[int]]]:
        """Yield the imports of anything that is not allowed."""
        allowed = [*self.modules, *self.allowed]
        for importer in self._checked(graph):
            for imported in graph.find_modules_directly_imported_by(importer):
                if within(imported, allowed):
                    continue
                if self.standard_library and imported in STANDARD_LIBRARY:
                    continue
                yield importer, imported, line_numbers(graph, importer, imported)

    def _checked(self, graph: ImportGraph) -> set[str]:
        checked = {module for module in graph.modules if within(module, self.modules)}
        if self.reach:
            for module in tuple(checked):
                checked |= graph.find_upstream_modules(module)
        return {module for module in checked if not graph.is_module_squashed(module)}


class SoleImporter(ImportRule):
    """Only the named modules import these packages, which need not be installed.

    Options: ``protected`` (``package`` or ``package.module``) and ``importers``.
    """

    protected = cast("list[str]", fields.ListField(subfield=fields.StringField()))
    importers = cast("list[str]", fields.ListField(subfield=fields.StringField()))

    def offences(self, graph: ImportGraph) -> Iterator[tuple[str, str, list[int]]]:
        """Yield the imports by anybody else."""
        for imported in self.protected:
            # The graph holds foreign packages as a whole, without their modules.
            package = imported.partition(".")[0]
            if package not in graph.modules:
                continue
            for importer in graph.find_modules_that_directly_import(package):
                if within(importer, self.importers):
                    continue
                if package == imported:
                    yield importer, imported, line_numbers(graph, importer, imported)
                elif lines := list(lines_importing(importer, imported)):
                    yield importer, imported, lines


def line_numbers(graph: ImportGraph, importer: str, imported: str) -> list[int]:
    """Return where the importer imports it."""
    details = graph.get_import_details(importer=importer, imported=imported)
    return [detail["line_number"] for detail in details]


def lines_importing(importer: str, imported: str) -> Iterator[int]:
    """Yield the lines of a module that import ``package.module``, however it is written."""
    for node in ast.walk(ast.parse(source(importer).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        if any(within(name, [imported]) for name in names):
            yield node.lineno


def source(module: str) -> Path:
    """Return the file of a module, without importing it."""
    package, *rest = module.split(".")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    path = Path(spec.submodule_search_locations[0]).joinpath(*rest)
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
