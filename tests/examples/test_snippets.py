"""What README and guide tell users to type works as a script, in a notebook and at a prompt."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pexpect
import pytest

import planecast as pc
from tests.examples.snippets import (
    ARRAYS,
    ROOT,
    Ports,
    adds_from_another_program,
    blocks,
    check_first_snippet,
    check_guide,
    run_script,
)

pytestmark = pytest.mark.usefixtures("viewers_end")

GUIDE = "docs/guide.md"
NEEDS_DISPLAY = pytest.mark.skipif(
    not os.environ.get("DISPLAY"), reason="napari opens a window: no display"
)

NOTEBOOK = """
import json, sys, nbformat
from nbclient import NotebookClient
cells = [nbformat.v4.new_code_cell(code) for code in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
print(*(output["text"] for cell in cells for output in cell.outputs if "text" in output))
"""
"""Runs the cells that it reads, each as a cell, in a kernel of its own."""


@pytest.fixture
def jupyter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Jupyter's files out of the user's folders, and the user's settings out of here."""
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def run_notebook(cells: list[str]) -> str:
    """Run a notebook in a kernel that ends with it; return what its cells print."""
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK],
        input=json.dumps(cells), capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


class Prompt:
    """An interactive Python, typed into line by line as a person does."""

    def __init__(self) -> None:
        environment = os.environ | {"TERM": "dumb", "PYTHON_BASIC_REPL": "1"}
        environment.pop("PYTHONSTARTUP", None)
        self._child: pexpect.spawn[str] = pexpect.spawn(
            sys.executable, ["-q", "-i", "-W", "error"], env=environment, encoding="utf-8",
            echo=False, timeout=60,
        )  # fmt: skip
        self._child.expect_exact(">>> ")

    def type(self, code: str) -> None:
        """Type statements one after the other; an empty line ends those that have a body."""
        lines = code.splitlines()
        for statement in ast.parse(code).body:
            for line in lines[statement.lineno - 1 : statement.end_lineno]:
                self._enter(line)
            if hasattr(statement, "body"):
                self._enter("")

    def _enter(self, line: str) -> None:
        self._child.sendline(line)
        # What the program logs from another thread may come behind the prompt.
        self._child.expect([r">>> ", r"\.\.\. $"])
        assert "Traceback" not in (self._child.before or ""), self._child.before

    def leave(self) -> None:
        """End it as a person does."""
        self._child.sendline("exit()")
        self._child.expect(pexpect.EOF)
        self.close()
        assert self._child.exitstatus == 0, self._child.before

    def kill(self) -> None:
        """End it as the system does when memory runs out."""
        self._child.kill(signal.SIGKILL)
        self._child.wait()

    def close(self) -> None:
        """End it in any case."""
        self._child.close(force=True)


@pytest.fixture
def prompt() -> Iterator[Prompt]:
    opened = Prompt()
    yield opened
    opened.close()


def test_the_five_lines_of_the_readme_work() -> None:
    (code,) = blocks("README.md")
    assert len([line for line in code.splitlines() if line]) <= 5
    run_script(ARRAYS + code.replace('"napari"', '"recording"'))
    with pc.connect() as viewer:
        check_first_snippet(viewer)
        adds_from_another_program(viewer)


def test_the_guide_works_as_a_script() -> None:
    ports = Ports.free()
    run_script(ports.put_in("\n".join([ARRAYS, *blocks(GUIDE)])))
    check_guide(ports)


def test_the_guide_works_in_a_notebook(jupyter: None) -> None:
    ports = Ports.free()
    cells = [ARRAYS, *(ports.put_in(code) for code in blocks(GUIDE)), "print(len(here), 'viewer')"]
    assert "1 viewer" in run_notebook(cells)
    check_guide(ports)


def test_the_guide_works_at_an_interactive_prompt(prompt: Prompt) -> None:
    ports = Ports.free()
    for code in (ARRAYS, *blocks(GUIDE)):
        prompt.type(ports.put_in(code))
    prompt.leave()
    check_guide(ports)


def test_a_prompt_that_is_killed_leaves_viewer_and_images(prompt: Prompt) -> None:
    prompt.type(ARRAYS)
    prompt.type(blocks("README.md")[0].replace('"napari"', '"recording"'))
    prompt.kill()
    with pc.connect() as viewer:
        check_first_snippet(viewer)


@NEEDS_DISPLAY
def test_the_five_lines_of_the_readme_work_in_napari_as_they_stand_and_programs_add_to_it() -> None:
    (code,) = blocks("README.md")
    run_script(ARRAYS + code)
    with pc.connect() as viewer:
        assert viewer.viewer_kind == "napari"
        check_first_snippet(viewer)
        adds_from_another_program(viewer)
        for program in ("many_wells", "labels"):
            run_script((ROOT / f"docs/examples/{program}.py").read_text(encoding="utf-8"))
        plate = viewer.read(source="plate", components={"channel": "GFP"})
        assert plate.shape == (9, 5, 256, 256)
        assert viewer.read(source="coins", kind="labels").max() > 20


@NEEDS_DISPLAY
def test_the_guide_works_in_napari_from_a_notebook(jupyter: None) -> None:
    ports = Ports.free()
    cells = [ARRAYS, *(ports.put_in(code, "napari") for code in blocks(GUIDE, "", "window"))]
    run_notebook([*cells, "assert picture.ndim == 3 and picture.std() > 0"])
    check_guide(ports)


@NEEDS_DISPLAY
def test_the_macros_of_the_guide_work_in_imagej() -> None:
    pytest.importorskip("scyjava", reason="the extra 'fiji' is not installed")
    (code,) = blocks(GUIDE, "fiji")
    said = run_script(ARRAYS + "import planecast as pc\n" + code)
    ours: dict[str, Any] = {}
    exec(ARRAYS, ours)  # noqa: S102 - our own text
    with pc.connect() as viewer:
        assert viewer.results()["Mean"] == [ours["volume"][1].mean()]
        assert np.array_equal(viewer.read(source="raw"), ours["volume"])
    value, top, error = said.splitlines()
    assert value == f"raw, an argument [{ours['volume'][1].mean()}] 0 begun"
    assert top == "ZYX (5, 64, 165)"
    assert error.startswith("line 2: it asks a person, which no program can answer: 'Gaussian Blur")
