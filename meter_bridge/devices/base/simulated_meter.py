"""A simulated meter of any family: what its faults do to its messages, and when it speaks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
import random
from typing import ClassVar, Final, Self

from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.base.simulated_physics import (
    MICROJOULES_PER_WH,
    ConstantLoad,
    Faults,
    Load,
    Physics,
)

SETTLING_MS: Final = 400
"""How long after a relay moved a device reports what it now measures."""
NEVER: Final = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterSettings:
    """What a simulated meter is."""

    name: str
    load: Load | None = None
    """None draws ``load_w`` all the time."""
    load_w: float = 100.0
    register_wh: int = 0
    interval_ms: int = 10_000
    closed: bool = True
    model: str | None = None
    """Which of its models, for a family that has several."""
    phases: int = 1
    """Over which a family that can measure several spreads its load evenly."""

    def load_curve(self) -> Load:
        """Return the load as a curve."""
        return self.load or ConstantLoad(round(self.load_w * 1000))


class SimulatedMeter(ABC):
    """Speaks like a device of its family; time is told by ``step`` and randomness by ``random``."""

    family: ClassVar[str]
    """Name of the family."""
    name_form: ClassVar[str]
    """Form of the names of meters that nobody named; it is given the meter's number."""
    commands: ClassVar[tuple[str, ...]]
    """Topic filters of the commands to all meters of the family."""

    @classmethod
    def gateway_greeting(cls, meters: Sequence[Self]) -> Sequence[Publish]:  # noqa: ARG003 - most need no gateway
        """Return what the gateway of some meters publishes when it starts; nothing where there is none."""
        return ()

    @classmethod
    def gateway_farewell(cls) -> Sequence[Publish]:
        """Return a gateway's last will."""
        return ()

    def __init__(self, settings: MeterSettings, *, random: random.Random, start_ms: int) -> None:
        self.settings = settings
        self.random = random
        self.physics = Physics(
            settings.load_curve(),
            random,
            start_ms,
            register_uj=settings.register_wh * MICROJOULES_PER_WH,
            contact_closed=settings.closed,
            reported_closed=settings.closed,
            started_ms=start_ms,
            booted_ms=start_ms,
        )
        self._next_report_ms = start_ms + random.randrange(settings.interval_ms)  # nosec B311 - a simulation
        self._reclose_ms = NEVER
        self._silent = False
        self._delayed: list[Publish] = []

    @property
    def name(self) -> str:
        """The meter's name in its family's topics."""
        return self.settings.name

    @property
    @abstractmethod
    def address(self) -> str:
        """The address that the bridge uses for this meter."""

    @property
    def command_filters(self) -> tuple[str, ...]:
        """Topic filters of its commands."""
        return self.commands

    @property
    def faults(self) -> Faults:
        """What goes wrong with this meter."""
        return self.physics.faults

    @property
    def due_ms(self) -> int:
        """When the meter next does something by itself."""
        return min(self._next_report_ms, self._reclose_ms)

    def reset_register(self, *, with_witness: bool = True) -> None:
        """Lose the register, with or without the device saying so."""
        self.physics.reset_register(with_witness=with_witness)

    def swap(self, register_wh: int, started_ms: int) -> None:
        """Be replaced by a device of the same name with a register of its own; its gateway has to greet."""
        self.physics.become_another(register_wh * MICROJOULES_PER_WH, started_ms)
        self.physics.restart()

    def raise_register(self, wh: int) -> None:
        """Let the register jump up without consumption."""
        self.physics.register_uj += wh * MICROJOULES_PER_WH

    def report_soon(self, in_ms: int = 0) -> None:
        """Report earlier than the interval would."""
        self._next_report_ms = min(self._next_report_ms, self.physics.now_ms + in_ms)

    def step(self, ms: int) -> Sequence[Publish]:
        """Let time pass and return what the meter publishes meanwhile."""
        end = self.physics.now_ms + ms
        messages = list(self._silence_changed())
        while (due := max(self.due_ms, self.physics.now_ms)) <= end:
            self.physics.advance(due)
            messages += self._act()
        self.physics.advance(end)
        self._plan_reclosing()
        return messages

    def handle(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Take a message of the broker and return the answers."""
        if self.faults.silent or self.faults.deaf:
            return []
        return self._apply_faults(self.answer(topic, payload))

    def come_online(self) -> Sequence[Publish]:
        """Return what the device publishes when it has connected; one that never did has no last will."""
        self._silent = self.faults.silent
        return [] if self.faults.silent else self._apply_faults(self.birth_messages())

    @abstractmethod
    def answer(self, topic: str, payload: bytes) -> Sequence[Publish]:
        """Answer a command or question."""

    @abstractmethod
    def birth_messages(self) -> Sequence[Publish]:
        """Say who one is, and that one is there."""

    @abstractmethod
    def will_messages(self) -> Sequence[Publish]:
        """Return what the broker publishes when the device is gone."""

    @abstractmethod
    def report(self) -> Sequence[Publish]:
        """Tell the readings, as every interval."""

    @abstractmethod
    def relay_report(self) -> Sequence[Publish]:
        """Tell that the relay moved by itself."""

    @abstractmethod
    def owns(self, topic: str) -> bool:
        """Return whether a command topic is of this meter."""

    def move(self, *, closed: bool) -> None:
        """Obey a command and measure again soon after."""
        self.physics.move(closed=closed)
        self._reclose_ms = NEVER
        self.report_soon(SETTLING_MS)
        self._plan_reclosing()

    def _act(self) -> Sequence[Publish]:
        messages: list[Publish] = []
        if self._reclose_ms <= self.physics.now_ms:
            messages += self._reclose()
        if self._next_report_ms <= self.physics.now_ms:
            self._next_report_ms = self.physics.now_ms + self.settings.interval_ms
            messages += self.report()
        return self._apply_faults(messages)

    def _reclose(self) -> Sequence[Publish]:
        self._reclose_ms = NEVER
        self.physics.contact_closed = self.physics.reported_closed = True
        self.report_soon(SETTLING_MS)
        return self.relay_report()

    def _plan_reclosing(self) -> None:
        if not self.faults.recloses or self.physics.contact_closed:
            self._reclose_ms = NEVER
        elif self._reclose_ms == NEVER:
            self._reclose_ms = self.physics.now_ms + self.faults.recloses_after_ms

    def _silence_changed(self) -> Sequence[Publish]:
        before, self._silent = self._silent, self.faults.silent
        if before == self._silent:
            return []
        return self.will_messages() if self._silent else self._apply_faults(self.birth_messages())

    def _apply_faults(self, messages: Sequence[Publish]) -> list[Publish]:
        if self.faults.silent:
            return []
        sent = [message for message in messages for _ in range(2 if self.faults.repeats else 1)]
        if not self.faults.reorders:
            sent, self._delayed = [*self._delayed, *sent], []
            return sent
        queue = [*self._delayed, *sent]
        pairs = len(queue) // 2 * 2
        self._delayed = queue[pairs:]
        return [queue[index ^ 1] for index in range(pairs)]
