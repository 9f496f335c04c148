"""What deploys us elsewhere names only what is there: commands, settings, paths, addresses."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bot.__main__ import main
from bot.config import Settings, load_settings
from bot.web import MAX_BODY, create_app

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CADDYFILE = (DEPLOY / "Caddyfile").read_text()
CADDYFILE_OF_COMPOSE = (DEPLOY / "Caddyfile.compose").read_text()
NGINX = (DEPLOY / "nginx.conf").read_text()
GUIDE = (ROOT / "docs/deploying.md").read_text()
COMPOSE: Any = YAML(typ="safe").load(ROOT / "compose.yaml")
OURS = {name: each for name, each in COMPOSE["services"].items() if "build" in each}

# What those files set for others than Giftdesk itself.
OTHERS = {"PATH", "PYTHONUNBUFFERED", "PROMETHEUS_MULTIPROC_DIR", "GIFTDESK_ENV_FILE"}
PRIVATE = {"/metrics", "/readyz"}  # for the operator's monitoring, not for the internet


def is_setting(name: str) -> bool:
    return name.lower() in Settings.model_fields or name in OTHERS


@pytest.fixture(scope="module")
def addresses() -> set[str]:
    """The beginnings of what the web process answers to."""
    app = create_app(load_settings(database_url="postgresql://x@127.0.0.1/x", secret_key="k" * 64))
    try:
        return {re.sub("<.*", "", rule.rule) for rule in app.url_map.iter_rules()}
    finally:
        app.extensions["pool"].close()


# ── the image ────────────────────────────────────────────────────────────────────────────────


def test_what_the_image_is_made_of_is_let_through() -> None:
    """`.dockerignore` lists what goes in, so nothing can be forgotten there, and no secret can slip in."""
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()
    }

    assert "*" in ignored
    assert copied == let_through
    assert all((ROOT / name).exists() for name in copied)


def test_the_last_stage_can_do_nothing_but_run() -> None:
    """No root, nothing that compiles or installs, one health check at an address that is there."""
    _, _, last = DOCKERFILE.partition("FROM ")[2].partition("\nFROM ")

    assert re.search(r"^USER giftdesk$", last, re.MULTILINE)
    assert not re.search(r"apt|apk|gcc|build-essential|pip ", last)
    assert last.index("\nUSER ") < last.index("\nCMD ")
    assert "/readyz" in re.findall(r"HEALTHCHECK.*?\n\s+CMD .*", last, re.DOTALL)[0]


def test_the_health_check_can_be_run(tmp_path: Path) -> None:
    """As Docker reads it; nobody is there, which is what it says."""
    [check] = re.findall(r"HEALTHCHECK .*\n\s+CMD (\[.*\])", DOCKERFILE)
    words = json.loads(check)
    done = subprocess.run([sys.executable, *words[1:]], env={"PORT": "1"}, capture_output=True, text=True, check=False)

    assert words[0] == "python"
    assert done.returncode != 0
    assert "Connection refused" in done.stderr


def test_the_lock_of_the_image_is_part_of_ours() -> None:
    """What is tried here is what runs there."""

    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9_.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    ours, runtime = pins("requirements.lock"), pins("requirements.runtime.lock")
    assert 30 < len(runtime) < len(ours)
    assert runtime < ours


# ── compose ──────────────────────────────────────────────────────────────────────────────────


def test_compose_is_of_its_schema() -> None:
    """That of the Compose specification."""
    words = ("check_jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml")
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_each_profile_is_whole() -> None:
    """What something waits for, mounts or extends is there when it is; each service is of a profile."""
    services = COMPOSE["services"]
    for profile in ("one", "many"):
        there = {name for name, each in services.items() if profile in each["profiles"]}
        needed = {other for name in there for other in services[name].get("depends_on", {})}
        assert needed <= there
    volumes = {each.split(":")[0] for service in services.values() for each in service.get("volumes", ())}
    assert {name for name in volumes if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert all((ROOT / name).exists() for name in volumes if name.startswith("."))
    assert {name for name, each in services.items() if each["profiles"] == ["one"]} == {"giftdesk"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_are_locked_up(name: str) -> None:
    """Nothing can be written but the database's volume and what is in memory; no rights; time to finish."""
    service = OURS[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert any(each.startswith("/tmp") for each in service["tmpfs"])
    assert any(
        each.startswith("/data") or each.endswith(":/data") for each in [*service["tmpfs"], *service.get("volumes", ())]
    )
    assert int(service["stop_grace_period"].removesuffix("s")) > 35


# ── everything ───────────────────────────────────────────────────────────────────────────────


def commands() -> list[tuple[str, str]]:
    """Every `giftdesk <command>` that a file would run."""
    found = [("compose", each["command"]) for each in OURS.values() if "command" in each]
    found += [("Dockerfile", json.loads(words)) for words in re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)]
    for unit in UNITS:
        found += [(unit.name, line.split()) for line in re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.MULTILINE)]
    for name in ("heroku.yml", "Procfile"):
        text = (ROOT / name).read_text()
        found += [(name, words.split()) for words in re.findall(r"giftdesk [a-z]+", text)]
    found += [
        ("docs/deploying.md", words.split()) for words in re.findall(r"giftdesk (?!giftdesk)[a-z]+\b(?=[ `\n])", GUIDE)
    ]
    return [(where, words[1]) for where, words in found if Path(words[0]).name == "giftdesk"]


def test_every_command_is_there() -> None:
    """Of the image, compose, units, Heroku's files and the guide."""
    told = commands()

    assert {where for where, _ in told} >= {"compose", "Dockerfile", "heroku.yml", "Procfile", "docs/deploying.md"}
    assert len([where for where, _ in told if where.endswith(".service")]) == len(UNITS)
    assert [(where, name) for where, name in told if name not in main.commands] == []


def variables() -> list[tuple[str, str]]:
    """Every variable that a file sets for us."""
    found = [("compose", name) for each in OURS.values() for name in each["environment"]]
    environment = re.search(r"^ENV (.*?[^\\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    assert environment
    found += [("Dockerfile", name) for name in re.findall(r"([A-Z_]+)=", environment[1])]
    found += [("app.json", name) for name in json.loads((ROOT / "app.json").read_text())["env"]]
    for unit in UNITS:
        lines = re.findall(r"^Environment=(.*)$", unit.read_text(), re.MULTILINE)
        found += [(unit.name, name) for line in lines for name in re.findall(r"([A-Z_]+)=", line)]
    return found


def test_every_variable_is_a_setting() -> None:
    """One that does nothing is worse than none."""
    assert [(where, name) for where, name in variables() if not is_setting(name)] == []
    assert {where for where, _ in variables()} >= {"compose", "Dockerfile", "app.json"}


def test_what_compose_asks_of_env_is_in_the_guide() -> None:
    """With a default for each, so that the other profile starts without it."""
    text = (ROOT / "compose.yaml").read_text()
    asked = re.findall(r"\$\{([A-Z_]+)(:-[^}]*)?\}", text)

    assert all(default for _, default in asked)
    assert [name for name, _ in asked if f"`{name}" not in GUIDE and f"{name}=" not in GUIDE] == []


def test_app_json_is_of_herokus_shape() -> None:
    """https://devcenter.heroku.com/articles/app-json-schema"""
    app = json.loads((ROOT / "app.json").read_text())

    assert set(app) <= {"name", "description", "keywords", "stack", "success_url", "formation", "addons", "env"}
    assert app["stack"] == "container" and (ROOT / "heroku.yml").exists()
    assert set(app["formation"]) == set(YAML(typ="safe").load(ROOT / "heroku.yml")["run"])
    for name, each in app["env"].items():
        assert set(each) <= {"description", "value", "required", "generator"}, name
        assert each["description"]
        assert each.get("generator", "secret") == "secret"


# ── proxies ──────────────────────────────────────────────────────────────────────────────────


def public(text: str) -> set[str]:
    """The beginnings of what a proxy's file hands on."""
    [caddy] = re.findall(r"@public path (.*)", text) or [""]
    [nginx] = re.findall(r"location ~ \^/\((.*)\)/ ", text) or [""]
    names = [word.removesuffix("*") for word in caddy.split()]
    names += [f"/{word}/" for word in nginx.split("|") if word] + re.findall(r"location = (\S+)", text)
    return set(names)


@pytest.mark.parametrize("text", [CADDYFILE, CADDYFILE_OF_COMPOSE, NGINX], ids=["Caddy", "Caddy of compose", "nginx"])
def test_proxies_hand_on_what_is_public_and_nothing_else(addresses: set[str], text: str) -> None:
    """A new address of the web process has to be decided about here, too."""
    handed_on = {re.sub("^(/[a-z-]+/).*", r"\1", each) for each in addresses - PRIVATE}

    assert public(text) == handed_on


def test_proxies_take_as_much_as_we_do() -> None:
    """A smaller limit would refuse a webhook that we would take."""
    assert MAX_BODY == 1024 * 1024
    assert re.search(r"max_size 1MiB", CADDYFILE) and re.search(r"max_size 1MiB", CADDYFILE_OF_COMPOSE)
    assert re.search(r"client_max_body_size 1m;", NGINX)


def test_no_caddy_sends_an_empty_body() -> None:
    """Tried again after a refused connection, a POST has none left (seen with 2.6.2), unless it was buffered."""
    assert not re.search(r"^\s*lb_", CADDYFILE, re.MULTILINE)
    assert re.search(r"^\s*request_buffers 1MiB", CADDYFILE_OF_COMPOSE, re.MULTILINE)


def _run(*words: object, **env: str) -> str:
    program = shutil.which(str(words[0])) or shutil.which(str(words[0]), path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run(
        [program, *map(str, words[1:])], capture_output=True, text=True, check=False, env={**os.environ, **env}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_caddy_reads_its_files(tmp_path: Path) -> None:
    """With one web process, and with two; and compose's, but for the one line that Debian's Caddy does not know yet."""

    def adapted(file: Path, upstreams: str = "") -> str:
        env = {"GIFTDESK_DOMAIN": "bot.example"} | ({"GIFTDESK_UPSTREAMS": upstreams} if upstreams else {})
        said = _run("caddy", "adapt", "--adapter", "caddyfile", "--config", file, **env)
        return json.dumps(json.loads(next(line for line in said.splitlines() if line.startswith("{"))))

    for upstreams in ("127.0.0.1:8000", "127.0.0.1:8000 127.0.0.1:8001"):
        assert re.findall(r'"dial": "([^"]+)"', adapted(DEPLOY / "Caddyfile", upstreams)) == upstreams.split()
    assert re.findall(r'"dial": "([^"]+)"', adapted(DEPLOY / "Caddyfile")) == ["127.0.0.1:8000"]
    (tmp_path / "Caddyfile").write_text(CADDYFILE_OF_COMPOSE.replace("request_buffers 1MiB", ""))
    assert '"name": "web"' in adapted(tmp_path / "Caddyfile") and '"port": "8000"' in adapted(tmp_path / "Caddyfile")


def test_nginx_reads_its_file(tmp_path: Path) -> None:
    """In the place where Debian's nginx would include it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=your.host")
    _run("openssl", *made, "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem")
    (tmp_path / "giftdesk.conf").write_text(NGINX.replace("/etc/ssl/giftdesk", str(tmp_path)))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ access_log off; include {tmp_path}/giftdesk.conf; }}\n"
    )
    _run("nginx", "-t", "-c", tmp_path / "nginx.conf", "-e", tmp_path / "error.log")


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    """Installed where they say: a program that is not there is a mistake to systemd."""
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/giftdesk/bin/giftdesk", "/bin/true"))
    said = _run("systemd-analyze", "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS))

    assert [line for line in said.splitlines() if "giftdesk" in line] == []
