"""Which commands there are; the module of each is loaded only once it is used."""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from meter_bridge.commands.command import Command

SUMMARIES: Final = MappingProxyType(
    {
        "run": "run the bridge until it is stopped",
        "check": "validate a site file without changing anything",
        "tariff": "validate or show a tariff, or price a load profile",
        "apply": "show what a site file would change, then apply it",
        "accounts": "list accounts with their available credit",
        "ledger": "list an account's ledger entries, newest first",
        "explain": "show the calculation behind a ledger entry",
        "statement": "show or export an account statement for a period",
        "top-up": "record a payment received from a customer",
        "voucher": "create, sell, void and redeem vouchers",
        "access": "create and revoke customers' access to the tenant page",
        "notify": "list notifications, send a test, or validate notify.yaml",
        "payments": "list, decide and reconcile provider payments",
        "refund": "refund money to a customer",
        "reverse": "reverse a top-up or a charge",
        "correct": "adjust a balance up or down",
        "reprice": "reprice a past billing period under another tariff",
        "transfer": "transfer credit between accounts",
        "write-off": "write off a debt or arrears",
        "debt": "open, change or close a debt",
        "emergency-credit": "select emergency credit for a customer",
        "move-out": "move a customer out with a final settlement",
        "move-in": "move a customer in",
        "tenancies": "list tenancies and their outstanding amounts",
        "debts": "list what current and former customers owe",
        "settle": "settle the outstanding amount of a former customer",
        "meters": "list meters, submit a reading, or replace a meter",
        "quarantine": "review registers that fell or jumped",
        "alerts": "list and acknowledge alerts",
        "clock": "show or confirm whether the clock can be trusted",
        "exposure": "show possible use beyond credit if the bridge fails",
        "supply": "switch, confirm or release a supply",
        "hold": "place, list and release holds on a supply",
        "token": "create, list and revoke API tokens",  # nosec B105 - a summary
        "model": "list, show and try models of meters",
        "broker-acl": "generate MQTT users and access rights for all devices",
        "verify": "verify the integrity of the books",
        "backup": "back up the installation while it is running",
        "restore": "restore a backup, or test that it can be restored",
        "migrate": "migrate the installation to another database",
        "shards": "divide the sites between several bridges",
        "simulate": "simulate meters for evaluation and testing",
        "completion": "print the completion script of a shell",
    }
)
MODULES: Final = MappingProxyType(
    {
        "accounts": ("debts", "exposure", "tenancies"),
        "account_operations": (
            "correct",
            "debt",
            "emergency-credit",
            "move-in",
            "move-out",
            "refund",
            "reprice",
            "reverse",
            "settle",
            "transfer",
            "write-off",
        ),
        "backup": ("restore", "verify"),
        "ledger": ("explain",),
        "meters": ("quarantine",),
        "supply": ("hold",),
    }
)
"""Commands that share a module with others; every other command has one of its own name."""


def command(name: str) -> Command:
    """Return a command; loads the module that describes it."""
    module = next((module for module, names in MODULES.items() if name in names), name.replace("-", "_"))
    return cast("Command", import_module(f"meter_bridge.commands.{module}").COMMANDS[name])
