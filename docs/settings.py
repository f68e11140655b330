"""Writes docs/settings.md and deploy/env.example from the settings classes: `python docs/settings.py`."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import to_json
from pydantic_settings import BaseSettings

from service.settings import GatewaySettings
from worker.jobs.settings import JobSettings
from worker.settings import WorkerSettings

ROOT = Path(__file__).parent.parent
#: Units by the last word of a name.
UNITS = ("seconds", "bytes", "gigabytes", "pixels", "characters", "rows", "attempts", "threads")
#: The settings by the processes that read them.
PROCESSES: dict[str, type[BaseSettings]] = {
    "gateway and worker": JobSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
}

PAGE = """\
# Settings

Environment variables, read once when a process starts. A wrong one stops it with a line that names the
variable, the value and what is allowed. Secrets (the password of Redis, keys, private keys) are never logged.

[deploy/env.example](../deploy/env.example) has all of them at their defaults. This page is made by
`python docs/settings.py`. Those of gateway and worker must be the same for all processes.
"""
HEADER = """\
# Every setting at its default. Copy this file to deploy/.env and uncomment what you change; docs/settings.md
# says what each one means. docker-compose.yml itself sets the Redis URL, the gateway's address and the
# worker's metrics port.
"""


def render_page() -> str:
    """The page with one table of them all."""
    head = "\n| variable | of | default | unit or values | example | meaning |\n|---|---|---|---|---|---|\n"
    rows = [_row(of, *entry) for of, settings in PROCESSES.items() for entry in _own(settings)]
    return PAGE + head + "".join(rows)


def render_example() -> str:
    """The file that shows every variable at its default."""
    return HEADER + "".join(_block(of, settings) for of, settings in PROCESSES.items())


def main() -> None:
    """Write both files."""
    (ROOT / "docs" / "settings.md").write_text(render_page(), encoding="utf-8")
    (ROOT / "deploy" / "env.example").write_text(render_example(), encoding="utf-8")


def _row(of: str, variable: str, name: str, field: FieldInfo) -> str:
    default, [example] = _default(field), field.examples or []
    shown = f"`{default}`" if default else "unset"
    unit = _unit(name, field)
    return f"| `{variable}` | {of} | {shown} | {unit} | `{example}` | {field.description} |\n"


def _block(of: str, settings: type[BaseSettings]) -> str:
    lines = [f"#{variable}={_default(field)}\n" for variable, _, field in _own(settings)]
    return f"\n# Of {of}\n" + "".join(lines)


def _own(settings: type[BaseSettings]) -> Iterator[tuple[str, str, FieldInfo]]:
    """Variable, name and field of each setting that is not of all processes, or is if they are asked for."""
    for name, field in settings.model_fields.items():
        if settings is JobSettings or name not in JobSettings.model_fields:
            yield f"KANDINSKY_{name.upper()}", name, field


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == ():
        return ""
    return value if isinstance(value, str) else to_json(value).decode()


def _unit(name: str, field: FieldInfo) -> str:
    kinds = get_args(field.annotation) or (field.annotation,)
    if get_origin(kinds[0]):
        kinds = get_args(kinds[0])
    if all(isinstance(kind, str) for kind in kinds):
        return ", ".join(f"`{kind}`" for kind in kinds)
    if bool in kinds:
        return "`true`, `false`"
    last = name.rpartition("_")[2]
    if last in UNITS:
        return last
    if Path in kinds:
        return "path"
    return "number" if int in kinds or float in kinds else "text"


if __name__ == "__main__":
    main()
