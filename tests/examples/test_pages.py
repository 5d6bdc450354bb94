"""The pages say what the code is: messages, limits, variables, names, links."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import numpy as np
import pytest

import planecast as pc
from streaming_core.protocol import messages
from streaming_core.testing import recording_viewer
from tests.examples.snippets import ROOT

PACKAGES = ("streaming_core", "napari_plugin", "fiji_bridge")
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
MESSAGES = sorted(
    set(get_args(messages.ToViewer)) | set(get_args(messages.ToProducer)),
    key=lambda one: one.__name__,
)


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (ROOT / package).rglob("*.py")


def section(message: str) -> str:
    """Return what protocol.md says under the heading that names a message."""
    sections = re.split(r"^### ", text_of("docs/protocol.md"), flags=re.MULTILINE)
    found = [one for one in sections if message in re.findall(r"[A-Z]{3,}", one.partition("\n")[0])]
    assert len(found) == 1, message
    return found[0]


def test_the_protocol_page_is_of_this_version() -> None:
    assert text_of("docs/protocol.md").startswith(f"# The protocol, version {messages.PROTOCOL}\n")
    assert f"* **{messages.PROTOCOL}**" in text_of("docs/protocol.md").partition("## Changed in")[2]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: str(one.__name__))
def test_the_protocol_page_has_every_field(message: type[msgspec.Struct]) -> None:
    fields = re.findall(r"`(\w+)`", section(str(message.__struct_config__.tag)))
    assert not set(message.__struct_fields__) - set(fields)


@pytest.mark.parametrize("way", [messages.Slab, messages.Inline])
def test_the_protocol_page_says_how_pixels_travel(way: type[msgspec.Struct]) -> None:
    pixels = text_of("docs/protocol.md").partition("## Pixels")[2].partition("## Segments")[0]
    assert not set(way.__struct_fields__) - set(re.findall(r"`(\w+)`", pixels))


def test_the_page_of_variables_has_every_one() -> None:
    read = {"PLANECAST_NAPARI_PYTHON", "PLANECAST_FIJI_PYTHON", "PLANECAST_RECORDING_PYTHON"}
    for path in modules():
        read.update(re.findall(r"\bPLANECAST_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8")))
    told = set(re.findall(r"`(PLANECAST_[A-Z_]+)`", text_of("docs/environment.md")))
    assert told == read


def test_the_guide_has_every_key_of_state() -> None:
    told = set(re.findall(r"`(\w+)`", text_of("docs/guide.md").partition("| key | says |")[2]))
    with recording_viewer() as (port, _), pc.connect(port) as viewer:
        viewer.show(np.zeros((4, 4)))
        viewer.settle()
        state = viewer.state()
    parts = [state, state["memory"], *state["producers"], *state["groups"]]
    assert {key for part in parts for key in part} <= told


def test_the_guide_has_every_name_that_users_type() -> None:
    text = text_of("docs/guide.md")
    ours = {"attach", "route"}  # how `connect` and `tee` reach it
    methods = {name for name in dir(pc.Viewer) if not name.startswith("_")} - ours
    missing = [name for name in sorted(methods) if f"viewer.{name}" not in text]
    missing += [name for name in pc.__all__ if name not in text and name != "__version__"]
    assert not missing


def test_the_map_has_every_module() -> None:
    told = re.findall(r"`([\w.]+)`", text_of("docs/architecture.md"))
    ours = {path.stem for path in modules() if path.stem not in ("__init__", "__main__")}
    missing = ours - {word for name in told for word in name.split(".")}
    assert not missing


def test_the_table_of_threads_has_every_one_and_no_other() -> None:
    ours: set[str] = set()
    for path in modules():
        ours.update(re.findall(r'name="(planecast-[a-z-]+)"', path.read_text(encoding="utf-8")))
    ours.remove("planecast-recording")  # the test kit's
    table = text_of("docs/architecture.md").partition("## Threads")[2].partition("## ")[0]
    assert set(re.findall(r"`(planecast-[a-z-]+)`", table)) == ours


def members(owner: ast.ClassDef) -> set[str]:
    """Return the names of a class's methods and attributes."""
    found: set[str] = set()
    for node in ast.walk(owner):
        match node:
            case ast.FunctionDef():
                found.add(node.name)
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Attribute(attr=name, ctx=ast.Store())
            ):
                found.add(name)
    return found


def test_the_names_in_the_journey_exist() -> None:
    classes: dict[str, set[str]] = {}
    others: set[str] = set()
    for path in modules():
        others |= {path.stem, path.parent.name, ".".join(path.with_suffix("").parts[-2:])}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            match node:
                case ast.ClassDef():
                    classes.setdefault(node.name, set()).update(members(node))
                case ast.FunctionDef():
                    others.add(node.name)
                case (
                    ast.Assign(targets=[ast.Name(id=name)])
                    | ast.AnnAssign(target=ast.Name(id=name))
                ):
                    others.add(name)
    methods = set().union(*classes.values())
    unknown = []
    for name in re.findall(r"`([a-zA-Z_.]+)`", text_of("docs/architecture.md")):
        *owners, last = name.split(".")
        if owners and owners[-1] in classes:
            known = last in classes[owners[-1]]
        else:
            known = last in {*classes, *others, *methods}
        if not known and name not in ("planecast", "pyproject.toml"):
            unknown.append(name)
    assert not unknown


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = text_of(page)
    for pair in re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text):
        link = next(filter(None, pair))
        name, _, heading = link.partition("#")
        found = (ROOT / page).parent / name if name else ROOT / page
        assert found.exists(), link
        if heading:
            headings = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}
            assert heading in anchors, link
