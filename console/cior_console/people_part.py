"""What the console needs so that people sign in and act: the register, its key, the signer, the bus, the protocols."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from cior_bus.producer import Bus
from cior_bus.register_key import register_key
from cior_bus.rights import Part
from cior_bus.signers import open_signer, opener
from cior_bus.signing import refuse_if_shared
from cior_city import packs
from cior_city.city_of_centre import load_city
from cior_city.packs import taxonomy
from cior_console.evidence_place import package_room
from cior_console.handling import Hands
from cior_console.part import Peopled
from cior_console.sign_in.city_sign_in import CityRules
from cior_console.sign_in.openid import OpenIdClient
from cior_console.sign_in.opening import SignInSettings
from cior_core.bundled_policy import privacy_policy
from cior_core.centre_file import Centre, OpenIdSection
from cior_core.errors import ConfigInvalid
from cior_register.register import Register
from cior_store.engine import Store
from cior_store.opening_store import opening_store
from cior_store.questions import Questions


def peopled(centre: Centre, register: Register, bus: Bus, store: Store) -> Peopled:
    """People of this centre's console. Raises ``ConfigInvalid`` (``keys.*``, ``console.openid_origin``)."""
    folder, openid = centre.data / "keys", centre.file.console.openid
    sign_in = SignInSettings(
        key=register_key(folder),
        centre=centre.file.centre.name,
        policy=privacy_policy(),
        openid=_client(centre, openid) if openid is not None else None,
        rules=_rules(openid) if openid is not None else None,
    )
    rules = centre.beside(centre.file.rules) if centre.file.rules else ""
    hands = Hands(
        signer=open_signer(folder, Part.CONSOLE.value),
        types=taxonomy(),
        district=load_city(centre).district,
        bus=bus,
        protocols=packs.protocols(rules),
        zone=ZoneInfo(centre.file.centre.zone),
        postures=packs.postures(rules),
        boxes=Questions(store) if store.dsn.embedded else opening_store(centre),
        opens=opener(folder),
        packages=package_room(centre),
        origin=centre.file.console.origin,
    )
    return Peopled(register=register, sign_in=sign_in, hands=hands)


def _client(centre: Centre, openid: OpenIdSection) -> OpenIdClient:
    origin = centre.file.console.origin
    if not origin:
        raise ConfigInvalid(
            "console.openid_origin",
            "the city's sign-in needs an address to come back to",
            cure="set [console] origin to the address in the browsers' bar",
        )
    secret = ""
    if openid.secret_file:
        path = centre.beside(openid.secret_file)
        refuse_if_shared(path)
        secret = path.read_text(encoding="utf-8").strip()
    return OpenIdClient(
        issuer=openid.issuer,
        client_id=openid.client_id,
        secret=secret,
        redirect_uri=f"{origin}/api/v1/sign-in/oidc/callback",
        home=f"{origin}/console/",
        scopes=openid.scopes,
    )


def _rules(openid: OpenIdSection) -> CityRules:
    return CityRules(
        says=openid.says, roles=openid.role, contexts=openid.contexts, login_claim=openid.login_claim
    )
