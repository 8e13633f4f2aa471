"""The relay's three states: requested, reported, and proven by the load."""

from dataclasses import replace

from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
import pytest

from meter_bridge.core.supply.relay import (
    FIRST_RETRY_MS,
    GRACE_MS,
    MAX_REST_MS,
    MAX_RETRY_MS,
    NO_LOAD_MW,
    RETRY_RESET_MS,
    Observation,
    Relay,
    after_sent,
    observe,
    retry_at,
    with_command,
)
from meter_bridge.protocol.vocabulary import RelayPosition, RelayProof

OPEN, CLOSED = RelayPosition.OPEN, RelayPosition.CLOSED
NOON = 1_767_960_000_000
HOUR = 3_600_000
LOAD = 800_000


def seen(
    relay: Relay,
    after_ms: int,
    position: RelayPosition | None = None,
    power_mw: int | None = None,
    *,
    stale: bool = False,
) -> Relay:
    """Return the relay after a report that came so long after its command was last sent."""
    return observe(relay, Observation(relay.sent_at + after_ms, position, power_mw, stale))


def commanded(position: RelayPosition, *, power_mw: int | None = LOAD) -> Relay:
    """Return a relay in the other position whose command was just sent."""
    before = Relay(reported=CLOSED if position is OPEN else OPEN, reported_at=NOON - 1)
    return after_sent(with_command(before, position, 1, NOON, power_mw), NOON + 10)


class TestProof:
    def test_an_acknowledgement_alone_proves_nothing_and_is_asked_again(self) -> None:
        relay = seen(commanded(OPEN), 50, OPEN)
        assert relay.proof is RelayProof.REPORTED
        assert retry_at(relay) == relay.sent_at + FIRST_RETRY_MS

    def test_an_open_contact_is_confirmed_by_a_newer_reading_with_the_load_gone(self) -> None:
        relay = seen(seen(commanded(OPEN), 50, OPEN), 400, None, NO_LOAD_MW)
        assert (relay.proof, retry_at(relay)) == (RelayProof.CONFIRMED, None)

    def test_the_load_gone_without_a_position_proves_nothing(self) -> None:
        assert seen(commanded(OPEN), 400, None, 0).proof is RelayProof.PENDING

    def test_without_a_load_before_there_is_no_load_to_prove(self) -> None:
        for power_mw in (None, 0, NO_LOAD_MW):
            relay = seen(commanded(OPEN, power_mw=power_mw), 400, OPEN, 0)
            assert (relay.proof, retry_at(relay)) == (RelayProof.NO_LOAD, None)

    def test_a_ghost_acknowledgement_with_the_load_still_there_disobeys_after_its_grace(self) -> None:
        relay = seen(commanded(OPEN), 50, OPEN, LOAD)
        assert relay.proof is RelayProof.REPORTED
        assert seen(relay, GRACE_MS - 1, None, LOAD).proof is RelayProof.REPORTED
        assert seen(relay, GRACE_MS, None, LOAD).proof is RelayProof.DISOBEYS

    def test_a_load_that_flows_backwards_is_a_load(self) -> None:
        relay = commanded(OPEN, power_mw=-LOAD)
        assert relay.load_before
        assert seen(relay, GRACE_MS, OPEN, -LOAD).proof is RelayProof.DISOBEYS

    def test_repeating_a_disproved_acknowledgement_proves_nothing(self) -> None:
        relay = seen(seen(commanded(OPEN), 50, OPEN), GRACE_MS, None, LOAD)
        assert seen(relay, GRACE_MS + 10, OPEN).proof is RelayProof.DISOBEYS
        assert seen(relay, GRACE_MS + 20, OPEN, 0).proof is RelayProof.CONFIRMED

    def test_a_closed_contact_is_confirmed_by_a_newer_reading_with_or_without_load(self) -> None:
        for power_mw in (0, LOAD):
            assert seen(commanded(CLOSED), 400, CLOSED, power_mw).proof is RelayProof.CONFIRMED

    def test_a_relay_that_does_not_move_disobeys_after_its_grace_and_not_before(self) -> None:
        relay = commanded(OPEN)
        assert seen(relay, GRACE_MS - 1, CLOSED, LOAD).proof is RelayProof.PENDING
        assert seen(relay, GRACE_MS, CLOSED, LOAD).proof is RelayProof.DISOBEYS

    def test_energy_through_a_confirmed_open_contact_disobeys(self) -> None:
        relay = seen(commanded(OPEN), 400, OPEN, 0)
        assert seen(relay, 60_000, None, LOAD).proof is RelayProof.DISOBEYS

    def test_a_confirmed_contact_stays_confirmed_while_readings_say_the_same(self) -> None:
        relay = seen(commanded(OPEN), 400, OPEN, 0)
        for after, power_mw in ((500, None), (600, 0), (700, None)):
            relay = seen(relay, after, OPEN, power_mw)
            assert relay.proof is RelayProof.CONFIRMED

    def test_a_report_of_before_the_command_proves_nothing(self) -> None:
        assert seen(commanded(OPEN), -1, OPEN, 0).proof is RelayProof.PENDING

    def test_a_command_that_never_went_out_is_proven_by_nothing(self) -> None:
        relay = with_command(Relay(), OPEN, 1, NOON, LOAD)
        assert observe(relay, Observation(NOON + 5_000, OPEN, 0)).proof is RelayProof.PENDING


class TestStaleReports:
    def test_a_stale_report_proves_nothing(self) -> None:
        pending, disobeying = commanded(OPEN), seen(commanded(OPEN), GRACE_MS, CLOSED, LOAD)
        confirmed = seen(pending, 400, OPEN, 0)
        for relay in (pending, disobeying, confirmed):
            for position in RelayPosition:
                for power_mw in (None, 0, LOAD):
                    if position is OPEN or relay is not confirmed:
                        assert seen(relay, 5_000, position, power_mw, stale=True) == relay

    @pytest.mark.parametrize("power_mw", [0, LOAD])
    def test_open_is_not_called_proven_after_a_report_that_may_be_of_a_button(self, power_mw: int) -> None:
        """Nothing is plugged in, and only the position changes: without ``last_seen`` that is stale."""
        relay = seen(commanded(OPEN, power_mw=power_mw), 400, OPEN, 0)
        assert relay.proof in (RelayProof.CONFIRMED, RelayProof.NO_LOAD)
        doubtful = seen(relay, HOUR, CLOSED, 0, stale=True)
        assert (doubtful.proof, doubtful.reported) == (RelayProof.PENDING, OPEN)
        due = retry_at(doubtful)
        assert due is not None
        assert due <= relay.sent_at + HOUR
        assert seen(doubtful, HOUR + 1, OPEN, 0).proof in (RelayProof.CONFIRMED, RelayProof.NO_LOAD)

    def test_a_closed_relay_stays_proven_whatever_a_stale_report_says(self) -> None:
        relay = seen(commanded(CLOSED), 400, CLOSED, LOAD)
        assert seen(relay, HOUR, OPEN, 0, stale=True) == relay

    def test_a_stale_report_does_not_stand_in_the_way_of_a_proof(self) -> None:
        relay = seen(seen(commanded(OPEN), 50, OPEN), 100, CLOSED, stale=True)
        assert seen(relay, 400, None, 0).proof is RelayProof.CONFIRMED

    def test_a_stale_report_is_better_than_none(self) -> None:
        assert observe(Relay(), Observation(NOON, CLOSED, None, stale=True)).reported is CLOSED


class TestSelfReclose:
    def test_a_relay_that_comes_back_by_itself_is_opened_again_at_once_after_a_long_calm(self) -> None:
        relay = seen(commanded(OPEN), 400, OPEN, 0)
        relay = seen(relay, RETRY_RESET_MS + 1, OPEN, 0)
        relay = seen(relay, RETRY_RESET_MS + 2, CLOSED)
        assert relay.proof is RelayProof.DISOBEYS
        due = retry_at(relay)
        assert due is not None
        assert due <= relay.sent_at + RETRY_RESET_MS

    def test_a_relay_that_comes_back_again_and_again_is_opened_with_growing_pauses(self) -> None:
        relay, pauses = commanded(OPEN), []
        for _ in range(8):
            relay = seen(seen(relay, 200, OPEN, 0), 400, CLOSED, LOAD)
            due = retry_at(relay)
            assert due is not None
            pauses.append(due - relay.sent_at)
            relay = after_sent(relay, due)
        assert pauses == [
            2_000,
            4_000,
            8_000,
            16_000,
            32_000,
            MAX_RETRY_MS,
            MAX_RETRY_MS,
            MAX_RETRY_MS,
        ]

    @pytest.mark.parametrize("power_mw", [0, LOAD])
    def test_pauses_are_short_again_after_a_relay_obeyed_long_enough(self, power_mw: int) -> None:
        relay = commanded(OPEN, power_mw=power_mw)
        for _ in range(9):
            relay = after_sent(relay, relay.sent_at + MAX_RETRY_MS)
        assert seen(relay, RETRY_RESET_MS, OPEN, 0).attempts == 10
        assert seen(relay, RETRY_RESET_MS + 1, OPEN, 0).attempts == 1

    def test_a_command_sent_again_is_proven_by_what_comes_after_it_only(self) -> None:
        relay = after_sent(commanded(OPEN), NOON + 5_000)
        assert observe(relay, Observation(NOON + 4_999, OPEN, 0)).proof is RelayProof.PENDING
        assert observe(relay, Observation(NOON + 5_000, OPEN, 0)).proof is RelayProof.CONFIRMED

    def test_a_position_from_before_the_newest_command_and_no_load_prove_nothing_together(self) -> None:
        relay = after_sent(seen(commanded(OPEN), 50, OPEN), NOON + 5_000)
        assert seen(relay, 400, None, 0).proof is RelayProof.REPORTED
        assert seen(relay, 500, OPEN, 0).proof is RelayProof.CONFIRMED

    def test_a_customer_may_open_a_closed_relay_by_hand(self) -> None:
        relay = seen(commanded(CLOSED), 400, CLOSED, LOAD)
        relay = seen(relay, 60_000, OPEN, 0)
        assert (relay.reported, relay.proof, retry_at(relay)) == (OPEN, RelayProof.CONFIRMED, None)
        assert seen(relay, 70_000, None, 0).proof is RelayProof.CONFIRMED

    def test_a_relay_that_opens_before_it_was_seen_closed_is_closed_again(self) -> None:
        relay = seen(commanded(CLOSED), GRACE_MS, OPEN, 0)
        assert relay.proof is RelayProof.DISOBEYS
        assert retry_at(relay) is not None


class TestRequests:
    def test_nothing_requested_is_never_sent(self) -> None:
        assert retry_at(Relay()) is None
        assert observe(Relay(), Observation(NOON, OPEN, 0)).proof is RelayProof.PENDING

    def test_a_new_command_is_due_at_once(self) -> None:
        assert retry_at(with_command(Relay(), OPEN, 1, NOON, None)) == NOON

    def test_the_same_position_again_keeps_the_command_in_force(self) -> None:
        relay = commanded(OPEN)
        assert with_command(relay, OPEN, 9, NOON + 99, 0) is relay

    def test_another_position_begins_anew_with_its_own_revision(self) -> None:
        relay = with_command(seen(commanded(OPEN), 400, OPEN, 0), CLOSED, 2, NOON + 60_000, 0)
        assert (relay.requested, relay.revision, relay.proof, relay.attempts) == (
            CLOSED,
            2,
            RelayProof.PENDING,
            0,
        )
        assert (relay.load_before, retry_at(relay)) == (False, NOON + 60_000)

    @given(
        st.integers(1, 500),
        st.sampled_from(
            [
                (RelayProof.DISOBEYS, MAX_RETRY_MS),
                (RelayProof.PENDING, MAX_REST_MS),
                (RelayProof.REPORTED, MAX_REST_MS),
            ]
        ),
    )
    def test_pauses_never_shrink_and_never_pass_a_minute_or_where_nothing_is_known_an_hour(
        self, attempts: int, most: tuple[RelayProof, int]
    ) -> None:
        proof, most_ms = most
        relay = Relay(requested=OPEN, attempts=attempts, sent_at=NOON, proof=proof)
        due, later = retry_at(relay), retry_at(replace(relay, attempts=attempts + 1))
        assert due is not None
        assert later is not None
        assert NOON + FIRST_RETRY_MS <= due <= later <= NOON + most_ms

    def test_a_relay_that_no_report_speaks_of_is_told_about_once_an_hour(self) -> None:
        relay, at, sent = commanded(OPEN), NOON, []
        while at < NOON + 24 * HOUR:
            due = retry_at(relay)
            assert due is not None
            at = due
            sent.append(at)
            relay = after_sent(relay, at)
        hours = [
            sum(NOON + hour * HOUR <= instant < NOON + (hour + 1) * HOUR for instant in sent)
            for hour in range(24)
        ]
        assert (hours[0], max(hours[2:])) == (19, 1)

    def test_a_report_that_shows_it_closed_ends_the_rest(self) -> None:
        relay = commanded(OPEN)
        for _ in range(40):
            relay = after_sent(relay, relay.sent_at + MAX_REST_MS)
        relay = seen(relay, 2 * MAX_RETRY_MS, CLOSED, LOAD)
        assert relay.proof is RelayProof.DISOBEYS
        assert retry_at(relay) == relay.sent_at + MAX_RETRY_MS


@pytest.mark.invariant(9)
class RelayMachine(RuleBasedStateMachine):
    """A contact that may stick, reclose and lie about it, and the bridge that commands it."""

    @initialize(load=st.booleans())
    def install(self, *, load: bool) -> None:
        self.at, self.revision, self.load, self.obeys = NOON, 0, load, True
        self.contact, self.relay = CLOSED, Relay()

    def power(self) -> int:
        return LOAD if self.load and self.contact is CLOSED else 0

    @rule(position=st.sampled_from(RelayPosition))
    def decide(self, position: RelayPosition) -> None:
        self.revision += 1
        self.relay = with_command(self.relay, position, self.revision, self.at, self.power())

    @rule(elapsed=st.integers(1, 90_000))
    def wait(self, elapsed: int) -> None:
        self.at += elapsed
        due = retry_at(self.relay)
        if due is not None and due <= self.at:
            self.relay = after_sent(self.relay, self.at)
            if self.obeys and self.relay.requested is not None:
                self.contact = self.relay.requested

    @rule()
    def report(self) -> None:
        self.at += 1
        self.relay = observe(self.relay, Observation(self.at, self.contact, self.power()))

    @rule()
    def lie(self) -> None:
        self.at += 1
        self.relay = observe(self.relay, Observation(self.at, self.relay.requested, None))

    @rule(obeys=st.booleans(), load=st.booleans())
    def break_or_mend(self, *, obeys: bool, load: bool) -> None:
        self.obeys, self.load = obeys, load

    @rule()
    def reclose_by_itself(self) -> None:
        self.contact = CLOSED

    @rule()
    def faults_stop_and_the_contact_follows_within_two_minutes(self) -> None:
        self.obeys = True
        if self.relay.requested is not OPEN:
            return
        for _ in range(2):
            self.report()
            self.wait(MAX_RETRY_MS)
        self.report()
        assert self.contact is OPEN
        assert self.relay.proof in (RelayProof.CONFIRMED, RelayProof.NO_LOAD)

    @invariant()
    def a_live_open_relay_is_never_proven_by_the_newest_report(self) -> None:
        if self.relay.requested is OPEN and self.relay.proof is RelayProof.CONFIRMED:
            assert self.relay.reported is OPEN


TestRelayMachine = RelayMachine.TestCase
TestRelayMachine.settings = settings(max_examples=80, stateful_step_count=30)
