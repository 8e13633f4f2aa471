"""The bridge as the API and the command line see it: one service for each word of the trade."""

from dataclasses import dataclass
from pathlib import Path

from meter_bridge.engine.access.secret_key import load_key
from meter_bridge.engine.access.tokens import TokenService
from meter_bridge.engine.access.visibility import Visibility
from meter_bridge.engine.accounts.service import AccountService, LedgerQueries
from meter_bridge.engine.alerts.service import AlertService
from meter_bridge.engine.engine import Engine
from meter_bridge.engine.metering.service import MeterService
from meter_bridge.engine.operations.operation import Operations
from meter_bridge.engine.sites.service import SiteFileService
from meter_bridge.engine.state.stored_answers import StoredAnswers
from meter_bridge.engine.status import BridgeStatus
from meter_bridge.engine.stream.feed import Feed
from meter_bridge.engine.supply.service import SupplyService
from meter_bridge.notify.people import load_people
from meter_bridge.notify.service import Notices
from meter_bridge.payments.service import Payments
from meter_bridge.payments.settings_file import load_providers
from meter_bridge.storage.segment_archive import EXPORT_NAME, Archive
from meter_bridge.tenant_page.service import TenantPage


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """The services of a bridge.

    Their methods take the actor and refuse what it may not see as ``NOT_FOUND``; each raises
    ``RequestRefused`` where it does not do what was asked. Rights by role are checked by the API's routes.
    """

    status: BridgeStatus
    accounts: AccountService
    ledger: LedgerQueries
    supply: SupplyService
    meters: MeterService
    sites: SiteFileService
    tokens: TokenService
    alerts: AlertService
    payments: Payments
    notices: Notices
    page: TenantPage
    feed: Feed
    answers: StoredAnswers
    problems: tuple[str, ...] = ()
    """What is wrong in the files of settings, and turns off a part of the services."""


def build_application(engine: Engine, data: Path) -> Application:
    """Return the services of an engine; ``data`` is the folder of the installation's secret key."""
    session = engine.session
    session.archive = Archive(data / EXPORT_NAME)
    visibility = Visibility(session)
    operations = Operations(session)
    tokens = TokenService(session)
    providers, people, key = load_providers(data), load_people(data), load_key(data)
    return Application(
        status=BridgeStatus(engine),
        accounts=AccountService(session, visibility, operations),
        ledger=LedgerQueries(session, visibility),
        supply=SupplyService(session, visibility),
        meters=MeterService(session, engine.reports, visibility, engine.discovery),
        sites=SiteFileService(session, engine.reports, visibility, engine.discovery, operations),
        tokens=tokens,
        alerts=AlertService(session, visibility),
        payments=Payments(session, operations, key, providers, visibility.account),
        notices=Notices(session, people, providers.page, visibility.account),
        page=TenantPage(session, key, providers.page, visibility.account),
        feed=engine.feed,
        answers=StoredAnswers(session),
        problems=tuple(map(str, (*providers.problems, *people.problems))),
    )
