"""What the documents say, for the tests that hold them to it, and the commands that they show.

Every command of every `sh` block is typed by a test. A test says which by the mark `types`, of a document and a
chapter, and gets them by the fixture `shown`, which fails it where it leaves one out:

    @pytest.mark.types("docs/deploying.md", "As a container", only="^podman")
    def test_…(shown: Shown) -> None:
        for command in shown: …

`only` and `but` are regular expressions, for a chapter that several tests share. tests/test_documents.py finds the
commands that no test types.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


@dataclass(frozen=True)
class Block:
    """`sh` or another language's, and the heading that it stands under."""

    chapter: str
    language: str
    text: str


@cache
def in_block(text: str) -> tuple[str, ...]:
    """The commands, each whole, with its further lines and what it reads from them; no lines that are comments only."""
    found, begun = [], ""
    for line in text.splitlines():
        if not begun and (not line.strip() or line.startswith("#")):
            continue
        begun += f"{line}\n"
        if _is_whole(begun):
            found.append(begun.rstrip("\n"))
            begun = ""
    if begun:
        raise ValueError(f"no shell takes this for a whole command: {begun}")
    return tuple(found)


_BLOCK_OR_HEADING = re.compile(
    r"^#+ (?P<chapter>[^\n]*)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def blocks(document: Path) -> list[Block]:
    found, chapter = [], ""
    for match in _BLOCK_OR_HEADING.finditer(document.read_text()):
        if match["chapter"] is not None:
            chapter = match["chapter"]
        else:
            found.append(Block(chapter, match["language"], match["text"]))
    return found


def spans(document: Path) -> set[str]:
    """What is written as code within the text."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", text))


def commands(document: str, chapter: str = "", only: str = "", but: str = "^$") -> list[str]:
    """Those of a chapter that `only` is found in and `but` is not; without a chapter those of all."""
    found = [
        command
        for block in blocks(ROOT / document)
        if block.language == "sh" and block.chapter == (chapter or block.chapter)
        for command in in_block(block.text)
        if re.search(only, command) and not re.search(but, command)
    ]
    if chapter and not found:
        raise ValueError(f"{document} shows no such command in {chapter!r}")
    return found


def words(command: str) -> list[str]:
    """Those of its first line."""
    return shlex.split(command.replace("\\\n", " ").partition("\n")[0], comments=True)


class Shown:
    """The commands that a test types, in their order: each is handed out once."""

    def __init__(self, shown: Sequence[str]) -> None:
        self.left = list(shown)

    def __iter__(self) -> Iterator[str]:
        while self.left:
            yield self.left.pop(0)


def _is_whole(text: str) -> bool:
    """Whether a shell would not wait for another line."""
    if text.endswith("\\\n"):
        return False
    read = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True)
    return read.returncode == 0 and "delimited by end-of-file" not in read.stderr
