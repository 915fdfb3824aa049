"""The channel over SMTP (RFC 5321) with STARTTLS (RFC 3207) or implicit TLS (RFC 8314), in threads of its own.

4yz replies mean again, 5yz never (RFC 5321 §4.2.1). A copy has the same ``Message-ID`` (RFC 5322 §3.6.4). Taken is
what the reply to the end of data says is taken; a line that broke before it is tried again.
"""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Literal

from cior_connectors.builtin.notify.channels import Limits, Message
from cior_connectors.builtin.notify.http_channels import trusting
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from cior_core.model import Struct

Security = Literal["starttls", "tls", "none"]
_AUTH = frozenset({530, 534, 535, 538})


class Mailbox(Struct, frozen=True, kw_only=True):
    """Where and how mail is handed over. ``password`` never shows itself."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: str = ""
    authority: str = ""

    def __repr__(self) -> str:
        return f"Mailbox({self.host}:{self.port}, {self.security})"


class Mail:
    """One mail server."""

    def __init__(self, name: str, mailbox: Mailbox, *, limits: Limits) -> None:
        self.name, self.limits, self._box = name, limits, mailbox
        self._threads = ThreadPoolExecutor(limits.at_once, thread_name_prefix=f"mail-{name}")

    async def send(self, message: Message, /) -> None:
        """See :class:`~cior_connectors.builtin.notify.channels.Channel`."""
        call = _Call()
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._send, message, call)
        work.add_done_callback(_heard)
        try:
            async with asyncio.timeout(self.limits.try_s):
                await asyncio.shield(work)
        except TimeoutError as late:
            raise SourceUnavailable("notify.away", f"{self.name}: no answer in time") from late
        finally:
            call.cut()  # a server that trickles must not hold a thread

    async def close(self) -> None:
        """Release the threads; idempotent."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send(self, message: Message, call: _Call) -> None:
        with self._errors(), self._connected(call) as client:
            client.send_message(self._written(message), self._box.sender, [message.address])

    def _written(self, message: Message) -> EmailMessage:
        written = EmailMessage(policy=SMTP)
        written["From"], written["To"] = self._box.sender, message.address
        written["Subject"] = message.title
        written["Message-ID"] = f"<{message.key}@{self._box.sender.rpartition('@')[2]}>"
        written["Content-Language"] = message.language
        written["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
        if message.rank == 1:
            written["X-Priority"] = "1"
        written.set_content(message.body)
        return written

    @contextmanager
    def _connected(self, call: _Call) -> Iterator[smtplib.SMTP]:
        box, wait_s = self._box, self.limits.try_s
        if box.security == "tls":
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                box.host, box.port, timeout=wait_s, context=trusting(box.authority)
            )
        else:
            client = smtplib.SMTP(box.host, box.port, timeout=wait_s)
        try:
            call.began(client.sock)
            if box.security == "starttls":
                client.starttls(context=trusting(box.authority))
                call.began(client.sock)
            if box.user:
                client.login(box.user, box.password)
            yield client
            with suppress(
                smtplib.SMTPException, OSError
            ):  # it has the mail: what it says to goodbye is nothing
                client.quit()
        finally:
            client.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except CiorError:
            raise
        except smtplib.SMTPNotSupportedError as error:
            raise self._never("notify.smtp_unsupported", "the server offers no TLS or no sign-in") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise self._judged(min(code for code, _ in error.recipients.values())) from error
        except smtplib.SMTPResponseException as error:
            raise self._judged(error.smtp_code) from error
        except ssl.SSLError as error:
            raise SourceUnavailable("notify.tls", f"{self.name}: {type(error).__name__}") from error
        except (smtplib.SMTPException, OSError) as error:
            raise SourceUnavailable("notify.away", f"{self.name}: {type(error).__name__}") from error
        except ValueError as error:  # an address that no header can hold
            raise self._never("notify.address", "the address cannot be written") from error

    def _judged(self, code: int) -> CiorError:
        """What a reply means. Its words are not repeated: they may quote the address."""
        sentence = f"{self.name} answered {code}"
        if code in _AUTH:
            return CredentialsRefused("notify.credentials", sentence, cure="give user and password again")
        if code >= 500:
            return self._never(f"notify.smtp_{code}", sentence)
        return SourceUnavailable(f"notify.smtp_{max(code, 0)}", sentence)

    def _never(self, code: str, sentence: str) -> ConfigInvalid:
        return ConfigInvalid(code, f"{self.name}: {sentence}", cure="check the mail server and the contact")


class _Call:
    """The socket of one try, for whoever is tired of waiting."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._is_cut = False

    def began(self, line: socket.socket | None) -> None:
        """The try goes over ``line`` from here on."""
        self._socket = line
        if self._is_cut:
            self.cut()

    def cut(self) -> None:
        """End it; what has ended already is left alone."""
        self._is_cut = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _heard(work: asyncio.Future[None]) -> None:
    """What became of a try that nobody waits for any more."""
    if not work.cancelled():
        work.exception()
