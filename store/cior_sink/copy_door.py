"""How a backup asks the process that owns an embedded store: a file with the question, a file with the answer, in the
folder of running parts, which only the centre's user can enter.

Questions: whether all that has left the spools is stored (``settle``), and to copy the tables into a folder.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import structlog

from cior_bus import durable_file
from cior_bus.caught_up import caught_up
from cior_bus.settings import BusSettings
from cior_core.backup_manifest import Tables
from cior_core.errors import CiorError, ConfigInvalid, SourceUnavailable
from cior_core.model import Struct
from cior_sink.periodic import Periodic
from cior_sink.storing import GROUPS
from cior_store.engine import Store
from cior_store.table_copy import copy_tables

log = structlog.get_logger("cior_sink.copy_door")
QUESTION, ANSWER = "backup.question", "backup.answer"
ROUNDS = 4
"""Hand-overs between a spool and the store: event to what may wait, that or a press to the area log, area log to alert,
alert to table.
"""
SETTLE_S = 90.0


class Question(Struct, frozen=True):
    """``to``: the folder to fill; empty: only wait until all is stored. ``pid``: who asks and waits."""

    id: str
    pid: int
    to: str = ""


class Answer(Struct, frozen=True):
    """``is_done`` false: the owner (``pid``) has taken the question and works on it."""

    id: str
    pid: int
    is_done: bool = False
    is_settled: bool = False
    tables: Tables | None = None
    error: tuple[str, str, str] | None = None


class CopyDoor:
    """The owner's side. ``streams``: what the stream workers read on the way to the store, by group."""

    def __init__(
        self, run: Path, store: Store, bus: BusSettings, *, streams: Mapping[str, tuple[str, ...]]
    ) -> None:
        self._run, self._store, self._bus = run, store, bus
        self._groups = {**streams, **GROUPS}
        self.thread = Periodic("copy-door", self.look, every_s=0.5)

    def look(self) -> None:
        """Answer a question that lies there."""
        try:
            question = msgspec.json.decode((self._run / QUESTION).read_bytes(), type=Question)
            (self._run / QUESTION).unlink()
        except FileNotFoundError:
            return
        except msgspec.MsgspecError:
            (self._run / QUESTION).unlink(missing_ok=True)
            log.warning("question_unreadable")
            return
        self._say(Answer(question.id, os.getpid()))
        try:
            answer = self._answered(question)
        except CiorError as error:
            answer = Answer(
                question.id, os.getpid(), is_done=True, error=(error.code, error.sentence, error.cure)
            )
        except OSError as error:
            told = ("backup.unwritable", f"the backup cannot be written ({error.strerror})", "free the disk")
            answer = Answer(question.id, os.getpid(), is_done=True, error=told)
        self._say(answer)

    def _answered(self, question: Question) -> Answer:
        if not question.to:
            return Answer(question.id, os.getpid(), is_done=True, is_settled=settle(self._bus, self._groups))
        folder = Path(question.to)
        if not folder.is_dir() or any(folder.iterdir()):
            raise ConfigInvalid("backup.folder", "the folder for the tables is not empty", cure="begin again")
        log.info("backup_begun", to=folder.name)
        tables = copy_tables(
            self._store,
            folder,
            settle=lambda: settle(self._bus, self._groups),
            go_on=lambda: not self.thread.stopping.is_set() and is_alive(question.pid),
        )
        self._store.release()
        log.info("backup_copied", rows=tables.rows, portions=len(tables.portions))
        return Answer(question.id, os.getpid(), is_done=True, tables=tables)

    def _say(self, answer: Answer) -> None:
        try:
            durable_file.replace(self._run / ANSWER, msgspec.json.encode(answer), is_synced=False)
        except OSError as error:  # the disk that the backup filled: the next question is answered again
            log.warning("answer_unwritten", errno=error.errno)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def settle(bus: BusSettings, groups: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether all that lies in the topics now is stored, alerts of it too."""
    return caught_up(bus, groups, rounds=ROUNDS, within_s=SETTLE_S)


def ask_owner(run: Path, *, to: str = "", taken_within_s: float = 20.0) -> Answer:
    """The asker's side: wait for the answer. Raises ``SourceUnavailable`` when nobody takes the question or the owner
    dies, and what the owner met.
    """
    question = Question(secrets.token_hex(8), os.getpid(), to)
    (run / ANSWER).unlink(missing_ok=True)
    durable_file.replace(run / QUESTION, msgspec.json.encode(question), is_synced=False)
    deadline_s = time.monotonic() + taken_within_s
    while True:
        answer = _answer(run, question.id)
        if answer is not None and answer.error is not None:
            code, sentence, cure = answer.error
            raise SourceUnavailable(code, sentence, cure=cure)
        if answer is not None and answer.is_done:
            return answer
        if answer is None and time.monotonic() > deadline_s:
            (run / QUESTION).unlink(missing_ok=True)
            raise SourceUnavailable(
                "backup.nobody_answers",
                "another process holds the store and does not answer",
                cure="is it `cior up` of this data folder, at this version? else stop it; after a killed backup wait "
                "two minutes, and repeat",
            )
        if answer is not None and not is_alive(answer.pid):
            raise SourceUnavailable(
                "backup.owner_gone",
                "the process that owns the store ended during the backup",
                cure="repeat it",
            )
        time.sleep(0.1)


def _answer(run: Path, question: str) -> Answer | None:
    try:
        answer = msgspec.json.decode((run / ANSWER).read_bytes(), type=Answer)
    except (OSError, msgspec.MsgspecError):
        return None
    return answer if answer.id == question else None
