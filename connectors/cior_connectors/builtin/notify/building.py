"""From configuration to channels."""

from __future__ import annotations

from typing import Protocol

from cior_connectors.builtin.notify.channels import Channel
from cior_connectors.builtin.notify.config import PushSection, SmtpSection, WebhookSection
from cior_connectors.builtin.notify.http_channels import Matrix, Ntfy, Webhook
from cior_connectors.builtin.notify.mail import Mail, Mailbox


class Sections(Protocol):
    """What names channels: the connector's configuration, and the watcher's."""

    @property
    def webhook(self) -> tuple[WebhookSection, ...]:
        """Those of this kind."""

    @property
    def smtp(self) -> tuple[SmtpSection, ...]:
        """Those of this kind."""

    @property
    def ntfy(self) -> tuple[PushSection, ...]:
        """Those of this kind."""

    @property
    def matrix(self) -> tuple[PushSection, ...]:
        """Those of this kind."""


def channels_of(sections: Sections) -> dict[str, Channel]:
    """Every channel by its name; nothing is opened yet."""
    found: list[Channel] = [_webhook(each) for each in sections.webhook]
    found += [_mail(each) for each in sections.smtp]
    found += [
        Ntfy(each.name, url=each.url, token=_token(each), limits=each.limits, authority=each.authority)
        for each in sections.ntfy
    ]
    found += [
        Matrix(each.name, url=each.url, token=_token(each), limits=each.limits, authority=each.authority)
        for each in sections.matrix
    ]
    return {each.name: each for each in found}


def _webhook(section: WebhookSection) -> Webhook:
    return Webhook(
        section.name,
        url=section.url,
        secret=section.secret.reveal(),
        limits=section.limits,
        authority=section.authority,
    )


def _mail(section: SmtpSection) -> Mail:
    box = Mailbox(
        host=section.host,
        port=section.port,
        security=section.security,
        sender=section.sender,
        user=section.user,
        password=section.password.reveal() if section.password is not None else "",
        authority=section.authority,
    )
    return Mail(section.name, box, limits=section.limits)


def _token(section: PushSection) -> str:
    return section.token.reveal() if section.token is not None else ""
