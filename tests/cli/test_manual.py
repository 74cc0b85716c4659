# SPDX-License-Identifier: LGPL-2.1-or-later
"""--help, the manual page and the completions of the shells say the same. test_manual.py EFFNET MAN BASH ZSH"""
import pathlib
import re
import shutil
import subprocess
import sys

from tool import Skip, effnet, main, test

MAN, BASH, ZSH = (pathlib.Path(name).resolve() for name in sys.argv[2:5])
COMMANDS = re.findall(r"^  (\w+) ", effnet("--help").out.split("Commands:")[1].split("\n\n")[0], re.M)
# its own reading of a help text, not manual.py's
OPTIONS = {name: set(re.findall(r"(?m)^\s+(?:-\w(?: \w+)?, )?(--[a-z][\w-]*)", effnet(name, "--help").out)) - {"--help"}
           for name in COMMANDS}


@test
def manual():
    """every command and option of --help is in its section of the manual page, and no others"""
    sections = dict(re.findall(r"(?ms)^\.SS (\w+)$(.*?)(?=^\.S[SH])", MAN.read_text()))
    assert list(sections) == COMMANDS, sections.keys()
    for name, text in sections.items():
        found = set(re.findall(r"(?m)^\s+(?:-\w(?: \w+)?, )?(--[a-z][\w-]*)", text.replace("\\-", "-"))) - {"--help"}
        assert found == OPTIONS[name], (name, found ^ OPTIONS[name])
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", MAN], capture_output=True, text=True)
        assert done.returncode == 0 and "warning" not in done.stderr and "--top-k" in done.stdout, done.stderr


def complete(*words):
    script = ('. "$1"; shift; COMP_WORDS=(effnet "$@"); COMP_CWORD=$#; _effnet; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", script, "bash", BASH, *words], capture_output=True, text=True,
                          check=True).stdout.split()


@test
def bash():
    """bash offers the commands, and the options of each"""
    assert set(COMMANDS) <= set(complete("")), complete("")
    assert complete("cla") == ["classify"]
    for name, options in OPTIONS.items():
        found = {word.rstrip("=") for word in complete(name, "--")} - {"--help"}
        assert found == options, (name, found ^ options)


@test
def zsh():
    """zsh's completion has them, too, and is sound"""
    text = ZSH.read_text()
    for name, options in OPTIONS.items():
        part = text.split(f"    {name})")[1].split(";;")[0]
        found = set(re.findall(r"'(--[\w-]+)=?\[", part)) - {"--help"}
        assert found == options, (name, found ^ options)
    if not shutil.which("zsh"):
        raise Skip("zsh is not installed; the text was compared")
    subprocess.run(["zsh", "-n", ZSH], check=True)


main()
