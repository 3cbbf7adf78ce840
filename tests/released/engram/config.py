"""The configuration file, and fatal errors in anyhow's form: on stderr, without a level, exit status 1."""

import os
import pathlib
import tempfile
import tomllib

DEFAULTS = {
    "feature_flags": {"spreading_api_beta": True},
    "server": {"http_bind": "127.0.0.1"},
    "memory_spaces": {"default_space": "default", "bootstrap_spaces": ["default"]},
    "persistence": {"data_root": "~/.local/share/engram", "hot_capacity": 100_000, "warm_capacity": 1_000_000,
                    "cold_capacity": 10_000_000},
    "security": {"auth_mode": "none", "rate_limiting": False},
}
LIMITS = {"hot_capacity": (10**3, 10**7), "warm_capacity": (10**4, 10**8), "cold_capacity": (10**5, 10**9)}


class Fatal(Exception):
    def __init__(self, message, *causes):
        super().__init__(message)
        self.message, self.causes = message, causes

    def text(self):
        text = f"Error: {self.message}\n"
        if len(self.causes) == 1:
            text += f"\nCaused by:\n    {self.causes[0]}\n"
        elif self.causes:
            text += "\nCaused by:\n" + "".join(f"    {n}: {cause}\n" for n, cause in enumerate(self.causes))
        return text


def os_error(error):
    """As Rust shows an error of the operating system."""
    return f"{os.strerror(error.errno)} (os error {error.errno})" if error.errno else str(error)


def path():
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.environ.get("HOME", "/"), ".config")
    return pathlib.Path(base) / "engram" / "config.toml"


def pid_file():
    return pathlib.Path(os.environ.get("ENGRAM_PID_PATH") or pathlib.Path(tempfile.gettempdir()) / "engram.pid")


def read(file):
    """The file over the defaults; sections that are not known pass silently, also with nonsense in them."""
    try:
        given = tomllib.loads(file.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"TOML parse error: {error}") from error
    merged = {name: dict(section) for name, section in DEFAULTS.items()}
    for name, section in merged.items():
        for key, value in given.get(name, {}).items():
            if key in section and type(value) is not type(section[key]):
                kind = {str: "string", bool: "boolean", int: "integer", list: "sequence"}[type(section[key])]
                raise ValueError(f"invalid type for `{name}.{key}`, expected a {kind}")
            section[key] = value
    for key, (low, high) in LIMITS.items():
        if not low <= merged["persistence"][key] <= high:
            raise ValueError(f"persistence.{key} must be between {low} and {high}")
    return merged


def load():
    file = path()
    if not file.exists():
        return {name: dict(section) for name, section in DEFAULTS.items()}
    try:
        return read(file)
    except (ValueError, OSError) as error:
        reason = os_error(error) if isinstance(error, OSError) else str(error)
        raise Fatal("failed to load CLI configuration", f"failed to parse {file}", reason) from error
