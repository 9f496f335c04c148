"""What operators look at: each name in the dashboard and the alert rules is told, and each alert has its section."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Histogram
from ruamel.yaml import YAML

from bot.errors import UpstreamError
from bot.telemetry import metrics

ROOT = Path(__file__).parent.parent
RULES = ROOT / "deploy/alerts.yml"
ALERTS: list[dict[str, Any]] = [
    rule for group in YAML(typ="safe").load(RULES.read_text())["groups"] for rule in group["rules"]
]
DASHBOARD = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = {
    **{rule["alert"]: str(rule["expr"]) for rule in ALERTS},
    **{f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel["targets"]},
}
OPERATING = (ROOT / "docs/operating.md").read_text()
# Prometheus' own.
LABELS = {"job", "instance", "le"}
OUTCOMES = {"ok", "Cancelled"}


def told() -> dict[str, set[str]]:
    """Every name that `/metrics` may tell, with its labels."""
    collectors = [each for each in vars(metrics).values() if isinstance(each, Counter | Histogram)]
    found = {}
    for collector in (*collectors, metrics.Queue(0, 0.0, 0, 0, 0.0, 0, 0, 0)):
        for family in collector.collect():
            names = set(getattr(collector, "_labelnames", ()))
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
            found.update({family.name + suffix: names for suffix in suffixes})
    return found


TOLD = told()


def names(query: str) -> set[str]:
    return set(re.findall(r"\bgiftdesk_\w+", query))


@pytest.mark.parametrize("name", QUERIES)
def test_every_metric_that_is_asked_for_is_told(name: str) -> None:
    """A renamed metric would leave an alert that never comes."""
    query = QUERIES[name]
    assert names(query) or query.startswith("up{")
    assert names(query) <= set(TOLD), query


@pytest.mark.parametrize("name", QUERIES)
def test_every_label_that_is_asked_for_is_one_of_the_metrics(name: str) -> None:
    query = QUERIES[name]
    asked = set(re.findall(r"[{,]\s*(\w+)\s*(?:=~|!~|!=|=)", query))
    for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", query):
        asked |= {label.strip() for label in listed.split(",")}

    assert asked <= LABELS.union(*(TOLD[metric] for metric in names(query))), query


def test_every_outcome_of_a_vendor_that_is_asked_for_exists() -> None:
    """They are the classes of our errors."""

    def below(kind: type[UpstreamError]) -> set[str]:
        return {kind.__name__}.union(*(below(each) for each in kind.__subclasses__()))

    asked = {
        outcome
        for query in QUERIES.values()
        if "giftdesk_vendor" in query
        for listed in re.findall(r'outcome(?:=~|!=|=)"([^"]*)"', query)
        for outcome in listed.split("|")
    }
    assert "CredentialsRefused" in asked
    assert asked <= below(UpstreamError) | OUTCOMES


def test_every_result_and_reason_that_is_asked_for_is_counted_somewhere() -> None:
    """As the code writes them."""
    code = "".join(file.read_text() for file in (ROOT / "bot").glob("*.py"))
    asked = {
        word
        for query in QUERIES.values()
        for listed in re.findall(r'(?:result|reason)(?:=~|=)"([^"]*)"', query)
        for word in listed.split("|")
    }
    assert {"not stored", "bad signature", "delivery"} <= asked
    assert {word for word in asked if f'"{word}")' not in code} == set()


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    """Whoever is woken reads what it means and what to do."""
    sections = OPERATING.split("\n## When an alert comes\n")[1]
    assert re.findall(r"^### (\w+)$", sections, re.MULTILINE) == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"docs/operating.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("page", "notify")
        assert {"summary", "description"} < set(rule["annotations"])


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool comes with Prometheus (Debian: prometheus)")
def test_prometheus_takes_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_panel_of_the_dashboard_lies_over_another() -> None:
    """Grafana would move it somewhere."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("link", re.findall(r"\]\((#[a-z-]+)\)", OPERATING))
def test_the_links_within_the_page_lead_somewhere(link: str) -> None:
    headings = re.findall(r"^#+ (.+)$", OPERATING, re.MULTILINE)

    assert link in {"#" + heading.lower().replace(" ", "-") for heading in headings}
