"""`make audit`: known weaknesses of what a server runs (requirements.runtime.lock), and its bill of materials.

The bill is written first, to var/sbom.json in CycloneDX's form: it needs nobody. Ends with 0 when all was looked up and
nothing is known, with 1 when something is, with 2 when not everything could be looked up.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.runtime.lock"
BILL = ROOT / "var" / "sbom.json"


def locked(text: str) -> dict[tuple[str, str], list[str]]:
    """Name and version of each requirement of a lock, with the SHA-256 of each of its files."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, version, rest in re.findall(r"^([a-z0-9_.-]+)==([^ ;\\]+)(.*(?:\n .*)*)", text, re.MULTILINE):
        found[name, version] = re.findall(r"sha256:([0-9a-f]{64})", rest)
    return found


def bill(requirements: dict[tuple[str, str], list[str]]) -> str:
    """The bill of materials."""
    ours = Component(name="giftdesk", version=metadata.version("giftdesk"), type=ComponentType.APPLICATION)
    made = Bom()
    made.metadata.component = ours
    parts = [
        Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", name=name, version=version),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
        )
        for (name, version), hashes in requirements.items()
    ]
    for part in parts:
        made.components.add(part)
    made.register_dependency(ours, parts)
    return str(make_outputter(made, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1))


def judged(status: int, said: str, complaints: str) -> tuple[int, list[str]]:
    """What pip-audit found, and the status to end with: it is silent and content where nobody could be asked."""
    try:
        looked_up = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        reason = (complaints.strip().splitlines() or ["no answer"])[-1]
        return 2, [f"NOT AUDITED: the service with known weaknesses cannot be asked ({reason})."]
    told = [
        f"{each['name']} {each['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or 'none'}"
        for each in looked_up
        for weakness in each.get("vulns", ())
    ]
    skipped = [each["name"] for each in looked_up if "skip_reason" in each]
    if skipped:
        told.append(
            f"NOT AUDITED: {len(skipped)} of {len(looked_up)} packages, which the service does not know or could not be"
            f" asked about: {', '.join(skipped[:5])}{' …' if len(skipped) > 5 else ''}"
        )
    if not told:
        told.append(f"{len(looked_up)} packages, no known weakness.")
    return (1 if any("mended in" in line for line in told) else 2 if skipped else status), told


def main() -> int:
    requirements = locked(LOCK.read_text())
    BILL.parent.mkdir(exist_ok=True)
    BILL.write_text(bill(requirements))
    print(f"{BILL.relative_to(ROOT)}: {len(requirements)} packages.")
    words = ["pip_audit", "--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--format", "json"]
    asked = subprocess.run(
        [sys.executable, "-m", *words, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    status, told = judged(asked.returncode, asked.stdout, asked.stderr)
    print("\n".join(told))
    return status


if __name__ == "__main__":
    sys.exit(main())
