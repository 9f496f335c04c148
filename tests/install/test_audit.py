"""`make audit`: the bill of materials is whole, and a look-up that did not happen is not taken for a clean one."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from deploy.audit import BILL, LOCK, ROOT, judged, locked
from install.machine import locked as needed_here

pytestmark = pytest.mark.install


def test_the_bill_has_all_that_a_server_runs() -> None:
    """Run as it is, with whatever can be reached: each package with its version and hashes, and what they are for."""
    done = subprocess.run([sys.executable, "deploy/audit.py"], cwd=ROOT, capture_output=True, text=True, check=False)
    bill = json.loads(BILL.read_text())

    assert done.returncode in {0, 1, 2}, done.stderr
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    assert listed == set(locked(LOCK.read_text()))
    assert set(needed_here().items()) <= listed  # Some have another version for a newer Python.
    assert all(each["hashes"] and each["purl"].startswith("pkg:pypi/") for each in bill["components"])
    assert bill["metadata"]["component"]["name"] == "giftdesk"


def test_what_was_not_looked_up_is_said() -> None:
    """pip-audit ends with 0 and a long table when nobody could be asked."""
    unknown = {"dependencies": [{"name": "yarl", "skip_reason": "Dependency not found"}]}
    weak = {"id": "PYSEC-1", "fix_versions": ["2"]}
    both = {"dependencies": [*unknown["dependencies"], {"name": "x", "version": "1", "vulns": [weak]}]}
    clean = {"dependencies": [{"name": "x", "version": "1", "vulns": []}]}

    status, [said] = judged(0, json.dumps(unknown), "")
    assert status == 2 and said.startswith("NOT AUDITED: 1 of 1") and "yarl" in said
    assert judged(1, "", "x\nConnectionError: no route")[0] == 2
    assert judged(1, json.dumps(both), "")[0] == 1 and "PYSEC-1, mended in 2" in judged(1, json.dumps(both), "")[1][0]
    assert judged(0, json.dumps(clean), "") == (0, ["1 packages, no known weakness."])
