"""From a written unit to its account, with supply policy and meters."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from meter_bridge.config.amounts import amount
from meter_bridge.config.credit import read_credit
from meter_bridge.config.meters import Around, read_meter
from meter_bridge.config.nearest import suggest
from meter_bridge.config.plan import AccountPlan, MeterPlan, SupplyPlan
from meter_bridge.config.reading import Reading
from meter_bridge.config.shapes import UNIT, PolicyDraft, UnitDraft
from meter_bridge.config.supply_shapes import LOAD_RULE
from meter_bridge.config.yaml_text import Path
from meter_bridge.core.calendar import MINUTES_PER_DAY
from meter_bridge.core.ledger.credit import CreditPolicy
from meter_bridge.core.supply.decision import LoadLimit, PaymentMode, Policy
from meter_bridge.core.supply.friendly_hours import LONGEST_GRACE_MS, FriendlyHours
from meter_bridge.core.supply.protection import Protection
from meter_bridge.core.tariff.bands import EVERY_DAY, HOLIDAY, Window

ELECTRICITY = "electricity"


@dataclass(frozen=True, slots=True)
class SiteAround:
    """What a unit takes from its site."""

    path: Path
    currency: str | None
    """None where the site's own is wrong: amounts are then not checked."""
    voltage_mv: int
    tariff_ids: frozenset[str]
    holidays: tuple[date, ...] | None
    """Public holidays; none where the site names no country, None where it names a wrong one."""
    contracted: frozenset[str]
    """Those of them that charge the contracted load."""
    defaults: PolicyDraft | None
    """None where the site's own are wrong, so that what a unit lacks may stand in them."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A unit's keys with those of the defaults beneath, and the place of each."""

    reading: Reading
    path: Path
    site: SiteAround
    draft: PolicyDraft

    def at(self, key: str) -> Path:
        """Return where a key was written: in the unit or in the defaults."""
        own = (*self.path, key)
        return own if self.reading.document.get(own) is not None else (*self.site.path, "defaults", key)


def read_unit(reading: Reading, path: Path, site: SiteAround) -> AccountPlan | None:
    """Return the unit at a path, or None after reporting what is wrong."""
    unit_id = str(path[-1])
    draft = reading.part(UNIT, path)
    name = (draft or UnitDraft()).get("name", unit_id)
    around = Around(unit_id, name, site.voltage_mv, (draft or UnitDraft(), site.defaults or PolicyDraft()))
    meters = _meters(reading, path, around)
    if draft is None:
        return None
    merged = PolicyDraft()
    merged.update(site.defaults or PolicyDraft())
    merged.update(draft)
    source = _Source(reading, path, site, merged)
    tariff_id, policy = _tariff_id(source), _policy(source)
    opening = _opening_credit(source, draft)
    if tariff_id is None or policy is None or not meters:
        return None
    if not _check_can_cut(source, policy, meters) or not _check_protections(source, policy, meters):
        return None
    supply = SupplyPlan(f"{unit_id}/{ELECTRICITY}", ELECTRICITY, tariff_id, meters)
    return AccountPlan(unit_id, name, draft.get("customer"), policy, (supply,), opening)


def _meters(reading: Reading, path: Path, around: Around) -> tuple[MeterPlan, ...]:
    """Return the meters of a unit; none where one of them is wrong."""
    steps = [(*path, "meters", index) for index in range(reading.count((*path, "meters")))]
    found = [read_meter(reading, step, around) for step in steps]
    seen: set[str] = set()
    for step, meter in zip(steps, found, strict=True):
        if meter is not None and meter.id in seen:
            name = meter.id.rpartition("/")[2]
            message = f"two meters of {around.unit_id} have the id {name!r}"
            reading.add(step, message, "give each of them an id of its own, such as id: geyser")
        seen.add(meter.id if meter else "")
    return tuple(meter for meter in found if meter is not None) if all(found) else ()


def _tariff_id(source: _Source) -> str | None:
    """Return the tariff of a unit, or None after reporting that there is none."""
    found = source.draft.get("tariff")
    known = source.site.tariff_ids
    if found is None and source.site.defaults is not None:
        remedy = "add tariff: and the id of a tariff, here or in defaults"
        source.reading.add(source.path, "'tariff' is missing", remedy, key=True)
    elif found is not None and found not in known:
        message = f"there is no tariff {found!r} at this site"
        source.reading.add(source.at("tariff"), message, suggest(found, known))
    elif found in source.site.contracted and "contracted load" not in source.draft:
        message = f"tariff {found!r} charges the contracted load, and this unit has none"
        source.reading.add(source.path, message, "add contracted load: 2 kW, for example", key=True)
    return found if found in known else None


def _policy(source: _Source) -> Policy | None:
    """Return the supply policy of a unit, or None after reporting what is wrong."""
    if source.site.currency is None:
        return None
    before = len(source.reading.problems)
    draft, standard = source.draft, Policy()
    maximum = draft.get("maximum top-up")
    policy = Policy(
        payment_mode=draft.get("payment mode", standard.payment_mode),
        restore=draft.get("restore", standard.restore),
        never_cut=draft.get("never cut", standard.never_cut),
        minimum_to_restore=_amount(source, "minimum to restore", draft.get("minimum to restore", "0")),
        low_credit=_low_credit(source),
        low_credit_hysteresis=_amount(
            source, "low credit hysteresis", draft.get("low credit hysteresis", "0")
        ),
        friendly_hours=_friendly_hours(source),
        warning_ms=_milliseconds(draft.get("warning before cut", standard.warning_ms // 1000)),
        load_limit=_load_limit(source),
        power_limit=_power_limit(source),
        building_meter=draft.get("building meter", False),
        days_left=draft.get("days left") or 0,
        switchings_per_day=draft.get("credit switchings per day", standard.switchings_per_day),
        protections=draft.get("protect", standard.protections),
        contracted_w=draft.get("contracted load", standard.contracted_w),
        free_units=draft.get("free units", standard.free_units),
        top_up_minimum=max(1, _amount(source, "minimum top-up", draft.get("minimum top-up", "0"))),
        top_up_maximum=None if maximum is None else _amount(source, "maximum top-up", maximum),
        credit=_credit(source),
    )
    _check_policy(source, policy)
    return policy if len(source.reading.problems) == before else None


def _friendly_hours(source: _Source) -> FriendlyHours:
    """Return the non-disconnection calendar, or none after reporting what is wrong with it."""
    windows, holidays = source.draft.get("friendly hours", ()), source.site.holidays
    named = any(HOLIDAY in window.days and window.days != EVERY_DAY for window in windows)
    if named and holidays == ():
        message = "friendly hours name holidays, and the site does not say whose"
        source.reading.add(source.at("friendly hours"), message, "add holidays: ZA to the site", key=True)
    grace_ms = _milliseconds(source.draft.get("grace"))
    if grace_ms > LONGEST_GRACE_MS:
        source.reading.add(source.at("grace"), "a grace is at most a day", "write 24 h or less")
    return FriendlyHours(
        windows,
        holidays if named and holidays else (),
        tuple(sorted(set(source.draft.get("friendly dates", ())))),
        grace_ms,
    )


def _credit(source: _Source) -> CreditPolicy:
    """Return the rules of credit."""
    currency = source.site.currency or ""

    def read(place: Path, written: str) -> int:
        return amount(source.reading, (*source.at(str(place[0])), *place[1:]), written, currency)

    def report(key: str, message: str, remedy: str) -> None:
        source.reading.add(source.at(key), message, remedy, key=True)

    return read_credit(source.draft, read, report)


def _milliseconds(seconds: int | None) -> int:
    """Return a time span in milliseconds, 0 where there is none."""
    return (seconds or 0) * 1000


def _load_limit(source: _Source) -> LoadLimit | None:
    """Return the limit of a supply without credit, or None where it is cut."""
    limit_mw, always_mw = source.draft.get("when exhausted"), source.draft.get("power limit")
    own = source.reading.document.get((*source.path, "load limit"))
    if limit_mw is None and always_mw is None and own is not None:
        message = (
            "a load limit holds only where used-up credit limits the load, or where it always is limited"
        )
        remedy = "add when exhausted: load limit 500 W, or power limit: 3 kW"
        source.reading.add(source.at("load limit"), message, remedy, key=True)
    if limit_mw is not None and always_mw is not None and limit_mw > always_mw:
        message = "a supply without credit may use more than it ever may"
        source.reading.add(source.at("when exhausted"), message, "lower it, or raise power limit:")
    return None if limit_mw is None else LoadLimit(limit_mw, source.draft.get("load limit", LOAD_RULE))


def _power_limit(source: _Source) -> LoadLimit | None:
    """Return the limit that a supply always has, or None."""
    limit_mw = source.draft.get("power limit")
    return None if limit_mw is None else LoadLimit(limit_mw, source.draft.get("load limit", LOAD_RULE))


def _amount(source: _Source, key: str, written: str) -> int:
    return amount(source.reading, source.at(key), written, source.site.currency or "")


def _opening_credit(source: _Source, draft: UnitDraft) -> int:
    return (
        0
        if source.site.currency is None
        else _amount(source, "opening credit", draft.get("opening credit", "0"))
    )


def _low_credit(source: _Source) -> tuple[int, ...]:
    """Return the warning thresholds, highest first, whatever their order in the file."""
    at, currency = source.at("low credit"), source.site.currency or ""
    written = source.draft.get("low credit", ())
    found = [amount(source.reading, (*at, index), text, currency) for index, text in enumerate(written)]
    for index, threshold in enumerate(found):
        if threshold in found[:index]:
            source.reading.add(
                (*at, index), f"threshold {written[index]} is written twice", "keep one of them"
            )
    return tuple(sorted(found, reverse=True))


def _check_policy(source: _Source, policy: Policy) -> None:
    """Report rules that contradict each other."""
    if policy.top_up_maximum is not None and policy.top_up_maximum < policy.top_up_minimum:
        message = "the largest top-up is below the smallest"
        source.reading.add(source.at("maximum top-up"), message, "raise it, or lower minimum top-up")
    largest = policy.credit.maximum_balance
    if largest and largest < policy.top_up_minimum:
        message = "no top-up is possible: the smallest one is above the maximum balance"
        source.reading.add(source.at("maximum balance"), message, "raise it, or lower minimum top-up")
    if _whole_week(policy.friendly_hours.windows):
        message = "friendly hours cover the whole week: supply would never be cut"
        source.reading.add(
            source.at("friendly hours"), message, "write never cut: yes if that is meant", key=True
        )


@lru_cache(maxsize=256)
def _whole_week(windows: tuple[Window, ...]) -> bool:
    """Say whether windows leave no minute of the week."""
    covered: set[int] = set()
    for window in windows:
        length = (window.end - window.start) % MINUTES_PER_DAY or MINUTES_PER_DAY
        for day in window.days - {HOLIDAY}:
            first = day * MINUTES_PER_DAY + window.start
            covered.update(minute % (7 * MINUTES_PER_DAY) for minute in range(first, first + length))
    return len(covered) == 7 * MINUTES_PER_DAY


def _check_can_cut(source: _Source, policy: Policy, meters: tuple[MeterPlan, ...]) -> bool:
    """Report a unit that pays first and yet has nothing that could cut it."""
    if policy.never_cut or any(meter.relay_address is not None for meter in meters):
        return True
    if policy.power_limit is not None:
        message = "no meter of this unit has a relay, so nothing limits its load"
        remedy = "name a relay, or write power limit: none"
    elif policy.payment_mode is PaymentMode.CREDIT:
        return True
    else:
        message = "no meter of this unit has a relay, so its supply cannot be cut"
        remedy = "name a relay, or write never cut: yes or payment mode: credit"
    source.reading.add(source.path, message, remedy, key=True)
    return False


def _check_protections(source: _Source, policy: Policy, meters: tuple[MeterPlan, ...]) -> bool:
    """Report protections that could never trip, or that nothing could carry out."""
    before, rules = len(source.reading.problems), policy.protections.rules
    at = source.at("protect")
    if rules and not any(meter.relay_address is not None for meter in meters):
        message = "no meter of this unit has a relay, so nothing protects it"
        source.reading.add(at, message, "name a relay, or write protect: {}", key=True)
    for meter in meters:
        limits = {
            Protection.OVER_VOLTAGE: meter.limits.over_voltage_mv,
            Protection.UNDER_VOLTAGE: meter.limits.under_voltage_mv,
            Protection.OVERLOAD: meter.limits.overload_mw,
        }
        for protection in rules:
            if limits[protection] is None:
                key = protection.replace("_", " ")
                message = f"{meter.id} has no limit for {key} to protect against"
                example = "10 kW" if protection is Protection.OVERLOAD else "250 V"
                source.reading.add(at, message, f"add limits: {{{key}: {example}}}", key=True)
    return len(source.reading.problems) == before
