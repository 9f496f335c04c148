"""A machine with nothing but Python: a clean venv with the locked dependencies and the wheel, not to be changed."""

from __future__ import annotations

import getpass
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from engine.processes import Giftdesk
from packaging.requirements import Requirement

from install.conftest import ROOT

ANOTHER_USER = "nobody"


def locked() -> dict[str, str]:
    """Name and version of everything that Giftdesk needs to run here, as `requirements.runtime.lock` has it."""
    lines = (ROOT / "requirements.runtime.lock").read_text().replace("\\\n", " ").splitlines()
    needed = [Requirement(re.split(r"\s--hash", line)[0]) for line in lines if re.match(r"[a-z0-9]", line)]
    return {each.name: str(each.specifier)[2:] for each in needed if not each.marker or each.marker.evaluate()}


def python() -> Path | None:
    """A Python of this one's version that somebody else may run; one in a closed home is none."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for each in (Path(sys.executable).resolve(), Path("/usr/local/bin") / version, Path("/usr/bin") / version):
        if each.exists() and all(folder.stat().st_mode & 0o001 for folder in (each.resolve(), *each.resolve().parents)):
            return each
    return None


def lay(venv: Path, wheel: Path, python: Path) -> None:
    """The dependencies are those of this venv (linked, which takes a second instead of minutes), ours is the wheel."""
    subprocess.run([python, "-m", "venv", "--without-pip", venv], check=True)
    (packages,) = (venv / "lib").glob("python*/site-packages")
    for name, version in locked().items():
        distribution = metadata.distribution(name)
        assert distribution.version == version, f"{name} {distribution.version}: `make install` brings {version}"
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if ".." in file.parts or not source.is_file():
                continue
            target = packages / file
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(source)
            except OSError:  # On another disk.
                target.write_bytes(source.read_bytes())
                target.chmod(source.stat().st_mode)
    pip = [sys.executable, "-m", "pip", "--python", f"{venv}/bin/python", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel)], check=True)
    subprocess.run([*pip, "check"], check=True)
    for folder in (venv, *venv.rglob("*")):  # Of folders alone: the files are shared with this venv.
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o555)


def somebody() -> str:
    """Who runs it: somebody else than who installed it, where we may choose."""
    return ANOTHER_USER if os.getuid() == 0 else getpass.getuser()


@dataclass
class Installed(Giftdesk):
    """`giftdesk` of a venv, run by another user far away from the source."""

    venv: Path = Path()

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"HOME": str(self.home), "PATH": f"{self.venv / 'bin'}:/usr/bin:/bin", "PYTHONPATH": ""}

    def popen(self, *words: str, **more: object) -> subprocess.Popen[bytes]:
        """Start `giftdesk <words>`."""
        who = {"user": ANOTHER_USER, "group": self.home.stat().st_gid, "extra_groups": ()} if os.getuid() == 0 else {}
        return subprocess.Popen(  # type: ignore[call-overload,no-any-return]  # whatever Popen takes
            [*self.inside, self.venv / "bin" / "giftdesk", *words], env=self.env, cwd=self.home, **who, **more
        )

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = self.popen(self.role, stdout=log, stderr=log)
