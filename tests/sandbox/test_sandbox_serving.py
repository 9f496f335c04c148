"""`python -m sandbox` serves, says where, and ends when told; and the package keeps to itself."""

from __future__ import annotations

import ast
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import sandbox


def test_the_command_serves_until_told_to_end(tmp_path: Path) -> None:
    """The ready file appears whole, with the address and a bot's settings; SIGTERM ends with status 0."""
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--ready-file", str(ready)]
    root = Path(sandbox.__file__).parent.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + 60
            while not ready.exists() and time.monotonic() < deadline:
                time.sleep(0.02)
            told = json.loads(ready.read_text())
            with urllib.request.urlopen(f"{told['url']}/_sandbox", timeout=30) as response:
                assert json.load(response)["url"] == told["url"]
            assert told["environment"]["LINE_API_URL"] == f"{told['url']}/line"
        finally:
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert told["url"] in output


def test_the_sandbox_knows_nothing_of_the_bot() -> None:
    """No module of it imports the bot or its handlers."""
    for path in Path(sandbox.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.split(".")[0] for name in names} & {"bot", "handlers"}, path.name
