from meter_bridge.devices.base.driver import Publish
from meter_bridge.devices.broker.outgoing_queue import MAX_QUEUED_COMMANDS, OutgoingQueue


class Wire:
    """Stands for the client: every publish takes the next packet id."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.broken = False
        self.outgoing = OutgoingQueue(self.publish)

    def publish(self, message: Publish) -> bool:
        if self.broken:
            return False
        self.sent.append(message.topic)
        if message.qos:
            self.outgoing.push_message(len(self.sent), b"")
        return True


def message(topic: str, qos: int = 1) -> Publish:
    return Publish(topic, b"", qos)


def test_nothing_is_taken_while_disconnected() -> None:
    wire = Wire()
    assert not wire.outgoing.send(message("a"), urgent=True)
    assert not wire.outgoing.send(message("a", qos=0), urgent=True)
    assert wire.outgoing.waiting == 0


def test_the_window_holds_back_and_an_acknowledgement_makes_room() -> None:
    wire = Wire()
    wire.outgoing.open(2)
    assert all(wire.outgoing.send(message(topic), urgent=True) for topic in "abc")
    assert wire.sent == ["a", "b"]
    wire.outgoing.remove_message_by_mid(1)
    assert wire.sent == ["a", "b", "c"]
    assert wire.outgoing.in_flight == 2


def test_commands_overtake_questions_but_not_each_other() -> None:
    wire = Wire()
    wire.outgoing.open(1)
    for topic, urgent in (("first", False), ("question", False), ("command", True), ("next", True)):
        wire.outgoing.send(message(topic), urgent=urgent)
    for mid in range(1, 4):
        wire.outgoing.remove_message_by_mid(mid)
    assert wire.sent == ["first", "command", "next", "question"]


def test_too_many_waiting_commands_are_refused() -> None:
    wire = Wire()
    wire.outgoing.open(1)
    taken = [wire.outgoing.send(message("x"), urgent=True) for _ in range(MAX_QUEUED_COMMANDS + 2)]
    assert taken.count(False) == 1
    assert not taken[-1]


def test_a_lost_connection_forgets_everything() -> None:
    wire = Wire()
    wire.outgoing.open(1)
    wire.outgoing.send(message("a"), urgent=True)
    wire.outgoing.send(message("b"), urgent=True)
    wire.outgoing.close()
    assert (wire.outgoing.in_flight, wire.outgoing.waiting) == (0, 0)
    assert not wire.outgoing.send(message("c"), urgent=True)


def test_a_message_that_could_not_be_written_stays_first() -> None:
    wire = Wire()
    wire.outgoing.open(1)
    wire.outgoing.send(message("a"), urgent=True)
    wire.outgoing.send(message("b"), urgent=True)
    wire.broken = True
    wire.outgoing.remove_message_by_mid(1)
    assert wire.outgoing.waiting == 1
