"""Each part tries its own keys and rights before it works, and again whenever a client of it hears a no.

Nothing is written for it: the broker is asked what this name may do (KIP-430), topic by topic and group by group.
Without this a stream worker without its group waits for ever in silence, and one without its changelogs goes on with
tables that nobody keeps.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]

from cior_bus.refusals import CURE, Refused, refusal_of, speaks_tls
from cior_bus.rights import User
from cior_bus.settings import BusSettings, Profile
from cior_core.catalogue import TopicSpec
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable

_LOG = structlog.get_logger(__name__)
FIRST_ANSWER_S: Final = 5.0
"""How long a part waits for the first answer before it works: a connector must receive while the broker is away."""
_LOOK_S, _GIVE_UP_S, _AGAIN_S = 0.5, 8.0, 2.0


class SelfTest:
    """One a process. ``user`` None: an address without keys, of which only the way there is tried."""

    def __init__(self, settings: BusSettings, user: User | None, *, group: str = "") -> None:
        self._settings, self._user = settings, user
        self._group = group or (user.rights.group if user is not None else "")
        self._lock = threading.Lock()
        self._is_trying = False
        self._answered = threading.Event()
        self._tell: list[Callable[[], None]] = []
        self.failure: CiorError | None = None

    def doubt(self, _refused: Refused | None = None) -> None:
        """Some client heard a no: look, in a thread, whether it holds. Never blocks, never raises."""
        with self._lock:
            if self._is_trying or self.failure is not None:
                return
            self._is_trying = True
        threading.Thread(target=self._until_clear, name="bus-rights", daemon=True).start()

    def begin(self, *, wait_s: float = FIRST_ANSWER_S) -> None:
        """Before the part works. Raises what the broker says no to; returns when all is well, or when the broker does
        not answer within ``wait_s`` (then it is asked on).
        """
        if self._settings.profile is not Profile.KAFKA:
            return
        self.doubt()
        self._answered.wait(wait_s)
        if self.failure is not None:
            raise self.failure

    @asynccontextmanager
    async def guarding(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Work inside it: begun as :meth:`begin` says; ``stop`` is set when the broker says no later, which is raised
        when the work has ended.
        """
        loop = asyncio.get_running_loop()

        def end() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it ends anyway
                loop.call_soon_threadsafe(stop.set)

        await asyncio.to_thread(self.begin)
        with self._lock:
            self._tell.append(end)
        if self.failure is not None:  # in between
            stop.set()
        yield
        if self.failure is not None:
            raise self.failure

    def holds(self) -> bool:
        """One try; false: ``failure`` says what is refused. Raises ``SourceUnavailable`` (``bus.broker_away``)."""
        try:
            try_rights(self._settings, self._user, group=self._group)
        except SourceUnavailable:
            raise
        except CiorError as refused:
            self._end(refused)
            return False
        return True

    def _until_clear(self) -> None:
        while True:
            try:
                self.holds()
            except SourceUnavailable as away:
                _LOG.warning("rights_untried", code=away.code)
                time.sleep(_AGAIN_S)
            else:
                with self._lock:
                    self._is_trying = False
                self._answered.set()
                return

    def _end(self, refused: CiorError) -> None:
        _LOG.error("bus_refused", code=refused.code, told=refused.sentence, cure=refused.cure)
        with self._lock:
            self.failure = refused
            told = tuple(self._tell)
        for call in told:
            call()


def try_rights(settings: BusSettings, user: User | None, *, group: str = "") -> None:
    """One try. Raises ``CredentialsRefused`` naming what is refused, ``ConfigInvalid`` (``bus.topic_missing``),
    ``SourceUnavailable`` (``bus.broker_away``).
    """
    heard: list[KafkaError] = []
    client = AdminClient(settings.client() | {"error_cb": heard.append})
    _reach(client, heard, settings)
    if user is None or settings.credentials is None:
        return
    rights = user.rights
    kept = rights.changelogs(group=group)
    _try_topics(client, [*rights.reads, *kept], AclOperation.READ, who=user)
    _try_topics(client, [*rights.writes, *kept], AclOperation.WRITE, who=user)
    if group:
        _try_group(client, f"{group}rights" if group.endswith(("-", ".")) else group, who=user)


def _reach(client: AdminClient, heard: list[KafkaError], settings: BusSettings) -> None:
    """Until the broker answers, says no, or is taken for away."""
    give_up_s = time.monotonic() + _GIVE_UP_S
    while True:
        try:
            client.list_topics(timeout=_LOOK_S)
        except KafkaException as error:
            client.poll(0)  # its errors come out here only
            for each in heard:
                if (refused := refusal_of(each)) is not None:
                    raise refused from error
            if not settings.secured and _speaks_tls(settings.bootstrap):
                raise speaks_tls() from error
            if time.monotonic() > give_up_s:
                raise SourceUnavailable(
                    "bus.broker_away", f"the broker did not answer ({error.args[0].name()})"
                ) from error
        else:
            return


def _speaks_tls(bootstrap: str) -> bool:
    """Whether something at the first address answers a TLS greeting. Nothing is shown to it, nothing believed of it."""
    host, _, port = bootstrap.split(",", maxsplit=1)[0].rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, int(port)), timeout=_LOOK_S * 4) as plain,
            context.wrap_socket(plain),
        ):
            return True
    except OSError:
        return False


def _try_topics(client: AdminClient, specs: Iterable[TopicSpec], need: AclOperation, *, who: User) -> None:
    names = [spec.name for spec in specs]
    if not names:
        return
    asked = client.describe_topics(TopicCollection(names), include_authorized_operations=True)
    for name, may in _answers(asked, who=who):
        if need not in may:
            raise _not_allowed("topic", name, need, who)


def _try_group(client: AdminClient, group: str, *, who: User) -> None:
    give_up_s = time.monotonic() + _GIVE_UP_S
    while True:
        asked = client.describe_consumer_groups([group], include_authorized_operations=True)
        try:
            for name, may in _answers(asked, who=who):
                if AclOperation.READ not in may:
                    raise _not_allowed("group", name, AclOperation.READ, who)
        except (
            SourceUnavailable
        ):  # a broker that never had a group makes its coordinator at the first question
            if time.monotonic() > give_up_s:
                raise
            time.sleep(_LOOK_S)
        else:
            return


def _answers(asked: dict[str, Future[Any]], *, who: User) -> Iterator[tuple[str, frozenset[AclOperation]]]:
    """What this name may do with each."""
    for name, future in asked.items():
        try:
            answer = future.result(_GIVE_UP_S)
        except KafkaException as error:
            if (reason := error.args[0]).code() == KafkaError.GROUP_ID_NOT_FOUND:
                continue  # it may be looked at, and nobody has joined it yet
            raise _why(name, reason, who) from error
        except TimeoutError as error:
            raise SourceUnavailable("bus.broker_away", f"the broker did not tell of {name}") from error
        yield name, frozenset(answer.authorized_operations or ())


def _why(name: str, reason: KafkaError, who: User) -> CiorError:
    if (refused := refusal_of(reason, what=f"{name} (this is {who.name})")) is not None:
        return refused
    if reason.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return ConfigInvalid(
            "bus.topic_missing", f"{name} is not there", cure="make it beforehand: cior bus provision"
        )
    return SourceUnavailable("bus.broker_away", f"the broker did not tell of {name} ({reason.name()})")


def _not_allowed(kind: str, name: str, need: AclOperation, who: User) -> Refused:
    return Refused(f"bus.{kind}_refused_us", f"{who.name} may not {need.name} the {kind} {name}", cure=CURE)
