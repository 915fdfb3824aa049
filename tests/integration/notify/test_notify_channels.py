"""Each channel against a far side that works, and against one that fails in every way there is."""

from __future__ import annotations

import ssl
from email import message_from_string, policy
from pathlib import Path

import msgspec
import pytest

from cior_connectors.builtin.notify.channels import Channel, Limits, Message
from cior_connectors.builtin.notify.http_channels import (
    KEY,
    SIGNATURE,
    TIMESTAMP,
    Matrix,
    Ntfy,
    Webhook,
    retry_after_s,
    sign,
)
from cior_connectors.builtin.notify.mail import Mail, Mailbox, Security
from cior_core.errors import CiorError, ConfigInvalid, CredentialsRefused, SourceUnavailable
from integration.notify.peers import HttpPeer, SmtpPeer, certificate

SECRET = "a secret of the test alone"
LIMITS = Limits(try_s=1.0)
MESSAGE = Message(
    key="0123456789abcdef0123456789abcdef",
    address="cior-ana",
    rank=1,
    title="Alerta P1: Botón de pánico",
    body="Distrito: norte.\nLlame a la sala.",
    language="es",
    until_ms=4_000_000_000_000,
    link="https://avisos.example/a/x",
)
MAIL = Message(
    key=MESSAGE.key,
    address="ana@example.org",
    rank=1,
    title=MESSAGE.title,
    body=MESSAGE.body,
    language="es",
    until_ms=0,
)


async def failing(channel: Channel, message: Message = MESSAGE) -> CiorError:
    try:
        with pytest.raises(CiorError) as told:
            await channel.send(message)
    finally:
        await channel.close()
    return told.value


async def sent(channel: Channel, message: Message = MESSAGE) -> None:
    try:
        await channel.send(message)
    finally:
        await channel.close()


async def test_a_webhook_is_signed_over_its_instant_and_its_bytes() -> None:
    async with HttpPeer() as peer:
        await sent(Webhook("sms", url=f"{peer.url}/in", secret=SECRET, limits=LIMITS))
    (call,) = peer.calls
    assert call.headers[SIGNATURE.lower()] == sign(SECRET, call.headers[TIMESTAMP.lower()], call.body)
    assert call.headers[KEY.lower()] == call.json["id"] == MESSAGE.key
    assert (call.json["to"], call.json["level"], call.json["link"]) == ("cior-ana", "P1", MESSAGE.link)


async def test_ntfy_gets_the_most_urgent_priority_for_p1() -> None:
    async with HttpPeer() as peer:
        await sent(Ntfy("phone", url=peer.url, token="tk_1", limits=LIMITS))
    (call,) = peer.calls
    assert (call.json["topic"], call.json["priority"], call.json["click"]) == ("cior-ana", 5, MESSAGE.link)
    assert call.headers["authorization"] == "Bearer tk_1"


async def test_matrix_knows_a_copy_by_its_transaction_id() -> None:
    async with HttpPeer() as peer:
        await sent(Matrix("room", url=peer.url, token="t", limits=LIMITS))
    (call,) = peer.calls
    assert (call.method, call.path.rsplit("/", 1)[1]) == ("PUT", MESSAGE.key)
    assert "/rooms/cior-ana/send/m.room.message/" in call.path


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (500, "notify.http_500"),
        (503, "notify.http_503"),
        (408, "notify.http_408"),
        ("hang", "notify.away"),
        ("half", "notify.away"),
        ("drop", "notify.away"),
        (b"no HTTP at all\r\n\r\n", "notify.away"),
    ],
)
async def test_what_may_go_better_is_tried_again(step: int | str | bytes, code: str) -> None:
    async with HttpPeer(step) as peer:
        error = await failing(Webhook("sms", url=peer.url, secret=SECRET, limits=LIMITS))
    assert isinstance(error, SourceUnavailable)
    assert error.code == code


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (400, ConfigInvalid),
        (404, ConfigInvalid),
        (302, ConfigInvalid),
        (401, CredentialsRefused),
        (403, CredentialsRefused),
    ],
)
async def test_what_never_goes_better_is_not(step: int, kind: type[CiorError]) -> None:
    async with HttpPeer(step) as peer:
        assert isinstance(await failing(Ntfy("n", url=peer.url, token="", limits=LIMITS)), kind)


async def test_a_redirection_does_not_carry_the_message_elsewhere() -> None:
    async with HttpPeer() as thief:
        answer = f"HTTP/1.1 307 X\r\nLocation: {thief.url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with HttpPeer(answer.encode()) as peer:
            await failing(Webhook("sms", url=peer.url, secret=SECRET, limits=LIMITS))
    assert (len(peer.calls), thief.calls) == (1, [])


@pytest.mark.parametrize(
    ("head", "body", "wait_s"),
    [
        ("Retry-After: 7\r\n", b"", 7.0),
        ("Retry-After: 86400\r\n", b"", 60.0),
        ("", b'{"retry_after_ms": 1500}', 1.5),
        ("Retry-After: soon\r\n", b"x", None),
    ],
)
async def test_a_busy_server_says_when(head: str, body: bytes, wait_s: float | None) -> None:
    answer = (
        f"HTTP/1.1 429 X\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
    )
    async with HttpPeer(answer) as peer:
        error = await failing(Matrix("m", url=peer.url, token="", limits=LIMITS))
    assert isinstance(error, SourceUnavailable)
    assert error.retry_after_s == wait_s


def test_a_date_is_a_wait_too() -> None:
    assert retry_after_s("Fri, 27 Nov 2026 12:00:30 GMT", now_s=1_795_780_800) == 30.0


async def test_a_certificate_that_nobody_vouches_for_gets_no_message(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path)
    async with HttpPeer(tls=context) as peer:
        error = await failing(Webhook("sms", url=peer.url, secret=SECRET, limits=LIMITS))
    assert (error.code, peer.calls) == ("notify.tls", [])


async def test_nor_does_one_for_another_name(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, name="other.example")
    async with HttpPeer(tls=context) as peer:
        error = await failing(Webhook("s", url=peer.url, secret=SECRET, limits=LIMITS, authority=authority))
    assert (error.code, peer.calls) == ("notify.tls", [])


async def test_an_authority_of_the_city_s_own_is_enough(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path)
    async with HttpPeer(tls=context) as peer:
        await sent(Webhook("s", url=peer.url, secret=SECRET, limits=LIMITS, authority=authority))
    assert len(peer.calls) == 1


# --- mail ---


@pytest.fixture
def signed(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    return certificate(tmp_path)


def mail(
    peer: SmtpPeer, security: Security, authority: str = "", *, user: str = "", password: str = ""
) -> Mail:
    box = Mailbox(
        host="127.0.0.1",
        port=peer.port,
        security=security,
        sender="cior@example.org",
        user=user,
        password=password,
        authority=authority,
    )
    return Mail("mail", box, limits=Limits(try_s=2.0))


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_goes_by_tls_with_a_name_that_a_copy_shares(
    signed: tuple[ssl.SSLContext, str], security: Security
) -> None:
    context, authority = signed
    async with SmtpPeer(certificate=context, implicit=security == "tls", users={"cior": "pw"}) as peer:
        await sent(mail(peer, security, authority, user="cior", password="pw"), MAIL)
    ((to, text, is_secret),) = peer.mails
    read = message_from_string(text.removesuffix(".\r\n"), policy=policy.default)
    assert ("<ana@example.org>" in to, is_secret) == (True, True)
    assert (read["Subject"], read["Message-ID"]) == (MESSAGE.title, f"<{MESSAGE.key}@example.org>")
    assert "Llame a la sala." in read.get_content()


async def test_a_server_that_offers_no_tls_gets_neither_password_nor_mail() -> None:
    async with SmtpPeer(users={"cior": "pw"}) as peer:
        error = await failing(mail(peer, "starttls", user="cior", password="pw"), MAIL)
    assert (type(error), error.code, peer.mails) == (ConfigInvalid, "notify.smtp_unsupported", [])


async def test_a_wrong_certificate_gets_no_mail(signed: tuple[ssl.SSLContext, str]) -> None:
    async with SmtpPeer(certificate=signed[0]) as peer:
        error = await failing(mail(peer, "starttls"), MAIL)
    assert (error.code, peer.mails) == ("notify.tls", [])


async def test_a_wrong_password_is_for_a_human(signed: tuple[ssl.SSLContext, str]) -> None:
    async with SmtpPeer(certificate=signed[0], users={"cior": "pw"}) as peer:
        error = await failing(mail(peer, "starttls", signed[1], user="cior", password="old"), MAIL)
    assert isinstance(error, CredentialsRefused)
    assert "old" not in str(error)


@pytest.mark.parametrize(
    ("verb", "reply", "kind"),
    [
        ("RCPT", "450 ana@example.org is busy", SourceUnavailable),
        ("RCPT", "550 ana@example.org is unknown", ConfigInvalid),
        ("DATA", "451 later", SourceUnavailable),
        ("MAIL", "421 closing", SourceUnavailable),
        ("MAIL", "no SMTP at all", SourceUnavailable),
    ],
)
async def test_a_reply_says_whether_to_try_again_and_never_quotes_the_address(
    verb: str, reply: str, kind: type[CiorError]
) -> None:
    async with SmtpPeer(replies={verb: [reply]}) as peer:
        error = await failing(mail(peer, "none"), MAIL)
    assert isinstance(error, kind)
    assert "ana" not in str(error)


async def test_a_line_that_breaks_before_the_last_word_is_tried_again_under_the_same_name() -> None:
    async with SmtpPeer(drop_after_data=True) as peer:
        channel = mail(peer, "none")
        with pytest.raises(SourceUnavailable):
            await channel.send(MAIL)
        await channel.send(MAIL)
        await channel.close()
    names = [message_from_string(text)["Message-ID"] for _, text, _ in peer.mails]
    assert names == [f"<{MESSAGE.key}@example.org>"] * 2


async def test_an_address_that_would_write_headers_is_refused() -> None:
    async with SmtpPeer() as peer:
        told = msgspec.structs.replace(MAIL, address="a@b.example\r\nBcc: x@y.example")
        error = await failing(mail(peer, "none"), told)
    assert (error.code, peer.mails) == ("notify.address", [])
