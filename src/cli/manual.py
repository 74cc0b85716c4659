#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""manual.py EFFNET VERSION MAN BASH ZSH: writes the manual page and the completions of the tool from what its --help
says, which is printed from the tables of its options. So there is one place where an option is described."""

import os
import re
import subprocess
import sys
from pathlib import Path

OPTION = re.compile(r"^  (?:-(\w), )?--([\w-]+)(?:[= ](\S+))?(?:  +(\S.*))?$")
SCRIPTS = Path(__file__).resolve().parents[2] / "models"
FILES = {"PATH", "FILE", "FOLDER", "DIR", "X.npy", "FILE.npy", "X.png", "X.npy|X.csv|-", "SHARE|DIR"}


def help_of(*words):
    """Of the commands that are scripts it is theirs: the tool finds them only where they were installed."""
    script = SCRIPTS / words[0] if words else None
    run = [sys.executable, script] if script and script.is_file() else [sys.argv[1], *words]
    env = {**os.environ, "EFFNET_COMMAND": " ".join(["effnet", *words])}
    return subprocess.run([*run, "--help"], capture_output=True, text=True, check=True, env=env).stdout


def options_of(text):
    """(letter, name, value, description) of each."""
    found = [OPTION.match(line).groups(default="") for line in text.splitlines() if OPTION.match(line)]
    return [(letter, name, value, about or "") for letter, name, value, about in found]


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def manual(version, commands):
    out = [f'.TH EFFNET 1 "" "effnet {version}" "User Commands"', ".SH NAME",
           "effnet \\- EfficientNet image classification", ".SH SYNOPSIS", ".B effnet",
           "COMMAND [OPTION...] [ARGUMENT...]", ".SH COMMANDS"]
    for name, (about, text) in commands.items():
        out += [f".SS {name}", roff(about) + ".", ".PP", ".nf", roff(text.strip()), ".fi"]
    out += [".SH EXIT STATUS", "0 done, 1 some input failed (the others were still done), 2 wrong use, 128 + N ended by "
            "signal N.", ".SH ENVIRONMENT", ".TP", ".B EFFNET_MODEL_PATH", "Folders of models, separated by colons.",
            ".TP", ".B EFFNET_ISA", "Caps the kernels, as said under cpu."]
    return "\n".join(out) + "\n"


def bash(commands):
    cases = "\n".join(f"    {name}) options='{' '.join(words(text))}' ;;" for name, (_, text) in commands.items())
    return f"""# bash completion for effnet
_effnet() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} options=
  COMPREPLY=()
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W '{' '.join(commands)} --help --version' -- "$word")
    return
  fi
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
    [[ ${{COMPREPLY[0]-}} != *= ]] || compopt -o nospace 2>/dev/null
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -o filenames -F _effnet effnet
"""


def words(text):
    for letter, name, value, _ in options_of(text):
        if letter:
            yield f"-{letter}"
        yield f"--{name}{'=' if value else ''}"


def zsh(commands):
    def quoted(text):
        return re.sub(r"([\[\]:\\])", r"\\\1", text).replace("'", "'\\''")

    out = ["#compdef effnet", "", "_effnet() {", "  local -a commands", "  commands=("]
    out += [f"    '{name}:{quoted(about)}'" for name, (about, _) in commands.items()]
    out += ["  )", "  if (( CURRENT == 2 )); then", "    _describe command commands", "    return", "  fi",
            "  case $words[2] in"]
    for name, (_, text) in commands.items():
        out += [f"    {name})", "      shift words; (( CURRENT-- ))", "      _arguments \\"]
        for letter, option, value, about in options_of(text):
            place = f":{quoted(value)}:{'_files' if value in FILES else ''}" if value else ""
            for spelling in ([f"-{letter}"] if letter else []) + [f"--{option}{'=' if value else ''}"]:
                out += [f"        '{spelling}[{quoted(about)}]{place}' \\"]
        out += ["        '*:file:_files' ;;"]
    return "\n".join(out + ["  esac", "}", "", '_effnet "$@"']) + "\n"


def main():
    version, *paths = sys.argv[2:]
    table = re.findall(r"^  ([a-z]+) +(\S.*)$", help_of().split("Commands:")[1].split("\n\n")[0], re.M)
    commands = {name: (about, help_of(name)) for name, about in table}
    for path, text in zip(paths, (manual(version, commands), bash(commands), zsh(commands))):
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)


if __name__ == "__main__":
    main()
