"""How people sign in at a centre's console, out of its file and its keys."""

from __future__ import annotations

from cior.packs import privacy_policy
from cior.register_key import register_key
from cior.settings import Centre, OpenIdSection
from cior_bus.signing import refuse_if_shared
from cior_console.sign_in.city_sign_in import CityRules
from cior_console.sign_in.handlers import HOME
from cior_console.sign_in.openid import OpenIdClient
from cior_console.sign_in.opening import SignInSettings
from cior_core.errors import ConfigInvalid

_CALLBACK = "/api/v1/sign-in/oidc/callback"


def sign_in_settings(centre: Centre) -> SignInSettings:
    """Raises ``ConfigInvalid`` (``console.openid_origin``, ``console.openid_secret``, ``keys.*``)."""
    openid = centre.file.console.openid
    return SignInSettings(
        key=register_key(centre.data / "keys"),
        centre=centre.file.centre.name,
        policy=privacy_policy(),
        openid=None if openid is None else _client(centre, openid),
        rules=None if openid is None else _rules(openid),
    )


def _client(centre: Centre, openid: OpenIdSection) -> OpenIdClient:
    origin = centre.file.console.origin
    if not origin:
        raise ConfigInvalid(
            "console.openid_origin",
            "the provider has to know the address that it leads back to, and [console] origin is empty",
            cure=f"name it, and tell the provider its redirect address: <origin>{_CALLBACK}",
        )
    return OpenIdClient(
        issuer=openid.issuer,
        client_id=openid.client_id,
        secret=_secret(centre, openid.secret_file),
        redirect_uri=f"{origin}{_CALLBACK}",
        home=f"{origin}{HOME}",
        scopes=openid.scopes,
    )


def _secret(centre: Centre, name: str) -> str:
    if not name:
        return ""
    path = centre.beside(name)
    try:
        refuse_if_shared(path)
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigInvalid(
            "console.openid_secret",
            f"the provider's secret {path.name} cannot be read ({error.strerror})",
            cure="put it there, for its owner alone; or leave secret_file out for a public client",
        ) from error


def _rules(openid: OpenIdSection) -> CityRules:
    return CityRules(
        says=openid.says, roles=openid.role, contexts=openid.contexts, login_claim=openid.login_claim
    )
