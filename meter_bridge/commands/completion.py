"""``meter-bridge completion``: scripts with which bash, zsh and fish complete commands and options.

Made from the table of commands. Libraries such as shtab (Apache-2.0) read a parser that is built as a whole;
ours loads the module of a command only once it is used.
"""

from argparse import Namespace
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from meter_bridge.commands.command import Command, argument
from meter_bridge.commands.output import print_line
from meter_bridge.commands.parser import Parser
from meter_bridge.commands.registry import SUMMARIES, command

EPILOG: Final = """\
Prints a script for a shell, which reads it at its start. It completes commands, actions and options.

examples:
  meter-bridge completion bash > ~/.local/share/bash-completion/completions/meter-bridge
  meter-bridge completion zsh >> ~/.zshrc
  meter-bridge completion fish > ~/.config/fish/completions/meter-bridge.fish
"""
_BASH: Final = """\
_meter_bridge() {{
    local word words i
    local -a found=("" "")
    for ((i = 1, n = 0; i < COMP_CWORD; i++)); do
        word=${{COMP_WORDS[i]}}
        if [[ $word == --data ]]; then ((i++)); elif [[ $word != -* ]]; then found[n++]=$word; fi
    done
    case "${{found[0]}} ${{found[1]}}" in
{cases}
    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _meter_bridge meter-bridge
"""
_ZSH: Final = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
EVERYWHERE: Final = ("--data", "--help")


def options_of(command: Command) -> list[str]:
    """Return the options of a command or an action, without those of its own actions."""
    parser = Parser(add_help=False)
    for item in command.arguments:
        item.add_to(parser)
    # argparse offers no other way to what was added to it.
    return [option for action in parser._actions for option in action.option_strings]  # noqa: SLF001


def bash(commands: Mapping[str, Command]) -> str:
    """Return the script for bash."""
    cases = []
    for name, each in commands.items():
        own = options_of(each)
        for word, action in each.actions.items():
            words = " ".join((*own, *options_of(action), *EVERYWHERE))
            cases.append(f'    "{name} {word}") words="{words}" ;;')
        cases.append(f'    "{name} "*) words="{" ".join((*each.actions, *own, *EVERYWHERE))}" ;;')
    cases.append(f'    " "*) words="{" ".join((*commands, *EVERYWHERE, "--version"))}" ;;')
    return _BASH.format(cases="\n".join(cases))


def zsh(commands: Mapping[str, Command]) -> str:
    """Return the script for zsh, which understands the one for bash."""
    return _ZSH + bash(commands)


def fish(commands: Mapping[str, Command]) -> str:
    """Return the script for fish."""
    lines = []
    for name, each in commands.items():
        lines.append(f"complete -c meter-bridge -n __fish_use_subcommand -f -a {name}")
        here, actions = f"__fish_seen_subcommand_from {name}", " ".join(each.actions)
        if actions:
            none_yet = f"{here}; and not __fish_seen_subcommand_from {actions}"
            lines.append(f"complete -c meter-bridge -n '{none_yet}' -f -a '{actions}'")
        lines += _fish_options(here, (*options_of(each), *EVERYWHERE))
        for word, action in each.actions.items():
            there = f"{here}; and __fish_seen_subcommand_from {word}"
            lines += _fish_options(there, options_of(action))
    return "\n".join(lines)


def _fish_options(condition: str, options: Iterable[str]) -> list[str]:
    names = [option.removeprefix("--") for option in options]
    return [f"complete -c meter-bridge -n '{condition}' -l {name}" for name in names]


SHELLS: Final = MappingProxyType({"bash": bash, "zsh": zsh, "fish": fish})


def _print(arguments: Namespace) -> int:
    print_line(SHELLS[arguments.shell]({name: command(name) for name in SUMMARIES}))
    return 0


COMMANDS: Final = {
    "completion": Command(
        _print, (argument("shell", choices=tuple(SHELLS), metavar="SHELL", help="bash, zsh or fish"),), EPILOG
    )
}
