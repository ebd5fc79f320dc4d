"""Second factors of the desk's people: passkeys (W3C WebAuthn), authenticator apps (TOTP, RFC 6238) and recovery codes.

They are asked for after the mailed link, if the person has one or has a role for which the settings require one. Until
then the session is half-way: it opens no page of the desk.
"""

import secrets
from base64 import b32encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pyotp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..core.domain_errors import DomainError
from ..db.session import add_and_flush, get_keyring, now
from ..text.clean import digits, single_line
from . import sessions
from .models import BrowserSession, Factor, Person

if TYPE_CHECKING:  # it takes eight megabytes, so it is imported only where a passkey is used
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CODES = 10  # recovery codes at a time
STEP = 30  # seconds per code of an app (RFC 6238, section 5.2); the codes before and after are accepted too
NAME = 60  # characters


class Unproved(DomainError):
    """Raised when a code or a passkey doesn't fit."""

    code = "sign_in.proof_failed"


@dataclass(frozen=True)
class Site:
    """The site that passkeys are bound to: the host of its URL, and the origin."""

    host: str
    origin: str


def list_factors(session: Session, person_id: int) -> list[Factor]:
    """Return somebody's passkeys and apps, the oldest first."""
    query = select(Factor).where(Factor.person_id == person_id, Factor.kind != "recovery")
    return list(session.scalars(query.order_by(Factor.id)))


def codes_left(session: Session, person_id: int) -> int:
    """Return how many recovery codes haven't been used."""
    query = select(Factor.id).where(Factor.person_id == person_id, Factor.kind == "recovery", Factor.used_at.is_(None))
    return len(session.scalars(query).all())


def new_secret() -> str:
    """Return a secret for an app: 160 bits in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def address_of(secret: str, name: str, house: str) -> str:
    """Return the otpauth URI by which an app imports a secret."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=house)


def add_app(session: Session, actor: Actor, began: BrowserSession, name: str, secret: str, code: str) -> list[str]:
    """Store an app after checking its first code. Return the recovery codes if it is the first factor.

    Raises `Unproved`.
    """
    step = _verify_code(session, secret, code, 0)
    row = Factor(person_id=began.person_id, kind="app", name=_clean_name(name), made_at=now(session), last_step=step)
    row = add_and_flush(session, row)
    row.secret_sealed, row.key_no = get_keyring(session).seal(_place(row), secret), get_keyring(session).newest
    return _record_new_factor(session, actor, began, row)


def _place(row: Factor) -> str:
    return f"factors.secret.{row.public_id}"


def _clean_name(name: str) -> str:
    return single_line(name)[:NAME]


def _verify_code(session: Session, secret: str, code: str, last_step: int) -> int:
    """Return the time step of a code that hasn't been used before. Raises `Unproved`."""
    current_step = int(now(session).timestamp()) // STEP
    accepted_steps = range(current_step - 1, current_step + 2)
    try:
        app = pyotp.TOTP(secret)
        matches = [step for step in accepted_steps if secrets.compare_digest(app.generate_otp(step), digits(code))]
    except ValueError:  # no base32, or no digits
        raise Unproved("code") from None
    if not matches or matches[-1] <= last_step:
        raise Unproved("code")
    return matches[-1]


def options_to_make(session: Session, person: Person, site: Site, house: str) -> tuple[str, bytes]:
    """Return the JSON that a browser needs to create a passkey, and its challenge."""
    import webauthn

    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=house,
        user_id=person.public_id.encode(),
        user_name=person.name,
        exclude_credentials=_credentials(session, person.id),
    )
    return webauthn.options_to_json(options), options.challenge


def options_to_show(session: Session, person_id: int, site: Site) -> tuple[str, bytes]:
    """Return the JSON that a browser needs to use one of somebody's passkeys, and its challenge."""
    import webauthn

    credentials = _credentials(session, person_id)
    options = webauthn.generate_authentication_options(rp_id=site.host, allow_credentials=credentials)
    return webauthn.options_to_json(options), options.challenge


def _credentials(session: Session, person_id: int) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    passkeys = [row for row in list_factors(session, person_id) if row.credential]
    return [PublicKeyCredentialDescriptor(id=cast(bytes, row.credential)) for row in passkeys]


def add_passkey(
    session: Session, actor: Actor, began: BrowserSession, name: str, credential: str, challenge: bytes, site: Site
) -> list[str]:
    """Store a new passkey. Return the recovery codes if it is the first factor.

    Raises `Unproved` if it was made for another site or challenge.
    """
    import webauthn
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        one = webauthn.verify_registration_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=site.host, expected_origin=site.origin
        )
    except (WebAuthnException, ValueError, KeyError) as error:
        raise Unproved("passkey") from error
    row = Factor(
        person_id=began.person_id,
        kind="passkey",
        name=_clean_name(name),
        made_at=now(session),
        credential=one.credential_id,
        public_key=one.credential_public_key,
        sign_count=one.sign_count,
    )
    return _record_new_factor(session, actor, began, add_and_flush(session, row))


def _record_new_factor(session: Session, actor: Actor, began: BrowserSession, row: Factor) -> list[str]:
    audit.record(session, actor, "factor.add", row, new=row.kind, facts={"person": row.person_id})
    began.second_at = began.stepped_up_at = now(session)
    is_first = len(list_factors(session, row.person_id)) == 1
    return _new_codes(session, row.person_id) if is_first else []


def new_codes(session: Session, actor: Actor, person: Person) -> list[str]:
    """Replace somebody's recovery codes, and return the new ones."""
    audit.record(session, actor, "factor.codes", person, facts={"person": person.id})
    return _new_codes(session, person.id)


def _new_codes(session: Session, person_id: int) -> list[str]:
    session.execute(delete(Factor).where(Factor.person_id == person_id, Factor.kind == "recovery"))
    codes = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODES)]
    for code in codes:
        mac = get_keyring(session).mac("factors.code", code)
        session.add(Factor(person_id=person_id, kind="recovery", name="", made_at=now(session), code_mac=mac))
    session.flush()
    return ["-".join(code[at : at + 4] for at in range(0, 16, 4)) for code in codes]


def show_code(session: Session, actor: Actor, began: BrowserSession, code: str) -> None:
    """Accept a code of an app, or a recovery code, which works once. Raises `Unproved`."""
    code = single_line(code).lower().replace(" ", "").replace("-", "")
    for row in list_factors(session, began.person_id):
        if row.secret_sealed is None:
            continue
        try:
            secret = get_keyring(session).open(_place(row), row.secret_sealed)
            row.last_step = _verify_code(session, secret, code, row.last_step or 0)
        except Unproved:
            continue
        return _record_use(session, actor, began, row)
    recovery = session.scalar(
        select(Factor)
        .where(
            Factor.person_id == began.person_id,
            Factor.code_mac.in_(get_keyring(session).macs("factors.code", code)),
            Factor.used_at.is_(None),
        )
        .with_for_update()
    )
    if recovery is None:
        raise Unproved("code")
    return _record_use(session, actor, began, recovery)


def show_passkey(
    session: Session, actor: Actor, began: BrowserSession, credential: str, challenge: bytes, site: Site
) -> None:
    """Accept the signature of one of the person's passkeys. Raises `Unproved`."""
    import webauthn
    from webauthn.helpers import parse_authentication_credential_json
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        parsed = parse_authentication_credential_json(credential)
        query = select(Factor).filter_by(person_id=began.person_id, credential=parsed.raw_id)
        row = session.scalar(query.with_for_update())
        if row is None:
            raise Unproved("passkey")
        verification = webauthn.verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key or b"",
            credential_current_sign_count=row.sign_count or 0,
        )
    except (WebAuthnException, ValueError, KeyError) as error:
        raise Unproved("passkey") from error
    row.sign_count = verification.new_sign_count
    _record_use(session, actor, began, row)


def _record_use(session: Session, actor: Actor, began: BrowserSession, row: Factor) -> None:
    row.used_at = began.second_at = began.stepped_up_at = now(session)
    audit.record(session, actor, "factor.show", began, new=row.kind, facts={"person": began.person_id})


def rename(session: Session, actor: Actor, person_id: int, public_id: str, name: str) -> None:
    """Rename a factor, if it still exists."""
    if row := _get_factor(session, person_id, public_id):
        row.name = _clean_name(name)
        audit.record(session, actor, "factor.rename", row, facts={"person": person_id})


def remove(session: Session, actor: Actor, person_id: int, public_id: str) -> None:
    """Remove a factor, if it still exists, and with the last one the recovery codes."""
    if row := _get_factor(session, person_id, public_id):
        audit.record(session, actor, "factor.remove", row, old=row.kind, facts={"person": person_id})
        session.delete(row)
        session.flush()
        if not list_factors(session, person_id):
            session.execute(delete(Factor).where(Factor.person_id == person_id))


def _get_factor(session: Session, person_id: int, public_id: str) -> Factor | None:
    query = select(Factor).where(Factor.person_id == person_id, Factor.public_id == public_id)
    return session.scalar(query.where(Factor.kind != "recovery"))


def reset(session: Session, actor: Actor, person: Person) -> None:
    """Remove all factors of somebody who has lost them, and sign them out everywhere."""
    audit.record(session, actor, "factor.reset", person, facts={"person": person.id})
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    sessions.end_all(session, actor, person)
