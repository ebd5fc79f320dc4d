"""Second factors of the desk's people: passkeys (W3C WebAuthn), authenticator apps (TOTP, RFC 6238) and recovery codes.

After the mailed link, people who have a second factor must use it. People who have none must add one if the settings
demand it for their role. Until then, their session opens no page of the desk.
"""

import secrets
from base64 import b32encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pyotp
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from .. import audit
from ..core.actors import Actor
from ..core.domain_errors import DomainError
from ..db.session import add_and_flush, get_keyring, lock_row, now
from ..text.clean import digits, single_line
from . import sessions
from .models import BrowserSession, Factor, Person

if TYPE_CHECKING:  # webauthn needs eight megabytes of memory, so it is imported by the functions that use it
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

CODE_COUNT = 10  # recovery codes of a person
TIME_STEP = 30  # seconds for which an app shows a code (RFC 6238, section 5.2)
MAX_NAME_LENGTH = 60


class ProofFailed(DomainError):
    """Raised for a wrong code or passkey."""

    code = "sign_in.proof_failed"


@dataclass(frozen=True)
class Site:
    """The site that passkeys are bound to: its host, and its origin, such as https://ask.example.org."""

    host: str
    origin: str


def list_factors(session: Session, person_id: int) -> list[Factor]:
    """Return a person's passkeys and apps, the oldest first."""
    query = select(Factor).where(Factor.person_id == person_id, Factor.kind != "recovery")
    return list(session.scalars(query.order_by(Factor.id)))


def count_unused_codes(session: Session, person_id: int) -> int:
    """Count the recovery codes that a person hasn't used."""
    query = select(Factor.id).where(Factor.person_id == person_id, Factor.kind == "recovery", Factor.used_at.is_(None))
    return len(session.scalars(query).all())


def new_secret() -> str:
    """Return a new secret for an app: 160 bits in base32 (RFC 4226, section 4)."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, person_name: str, site_name: str) -> str:
    """Return the URI with which an app imports a secret."""
    return pyotp.TOTP(secret).provisioning_uri(name=person_name, issuer_name=site_name)


def add_app(
    session: Session, actor: Actor, browser_session: BrowserSession, name: str, secret: str, code: str
) -> list[str]:
    """Store an app after checking its first code. Return new recovery codes if it is the person's first factor.

    Raises `ProofFailed`.
    """
    step = _verify_code(session, secret, code, last_step=0)
    factor = Factor(
        person_id=browser_session.person_id, kind="app", name=_clean_name(name), made_at=now(session), last_step=step
    )
    factor = add_and_flush(session, factor)
    ring = get_keyring(session)
    factor.secret_sealed, factor.key_no = ring.seal(_seal_context(factor), secret), ring.newest
    return _record_new_factor(session, actor, browser_session, factor)


def _seal_context(factor: Factor) -> str:
    return f"factors.secret.{factor.public_id}"


def _clean_name(name: str) -> str:
    return single_line(name)[:MAX_NAME_LENGTH]


def _verify_code(session: Session, secret: str, code: str, last_step: int) -> int:
    """Return the time step of a code, which must be later than `last_step` so that no code works twice.

    The codes of the steps before and after the current one are accepted too, for clocks that are wrong. Raises
    `ProofFailed`.
    """
    current_step = int(now(session).timestamp()) // TIME_STEP
    accepted_steps = range(current_step - 1, current_step + 2)
    try:
        app = pyotp.TOTP(secret)
        # Compare bytes: compare_digest rejects strings that aren't ASCII, and people can type anything.
        entered = digits(code).encode()
        matches = [step for step in accepted_steps if secrets.compare_digest(app.generate_otp(step).encode(), entered)]
    except ValueError:  # the secret isn't base32
        raise ProofFailed("code") from None
    if not matches or matches[-1] <= last_step:
        raise ProofFailed("code")
    return matches[-1]


def registration_options(session: Session, person: Person, site: Site, site_name: str) -> tuple[str, bytes]:
    """Return the JSON with which a browser creates a passkey, and its challenge."""
    import webauthn

    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=site_name,
        user_id=person.public_id.encode(),
        user_name=person.name,
        exclude_credentials=_credentials(session, person.id),
    )
    return webauthn.options_to_json(options), options.challenge


def authentication_options(session: Session, person_id: int, site: Site) -> tuple[str, bytes]:
    """Return the JSON with which a browser uses one of the person's passkeys, and its challenge."""
    import webauthn

    credentials = _credentials(session, person_id)
    options = webauthn.generate_authentication_options(rp_id=site.host, allow_credentials=credentials)
    return webauthn.options_to_json(options), options.challenge


def _credentials(session: Session, person_id: int) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    passkeys = [factor for factor in list_factors(session, person_id) if factor.credential]
    return [PublicKeyCredentialDescriptor(id=cast(bytes, passkey.credential)) for passkey in passkeys]


def add_passkey(
    session: Session,
    actor: Actor,
    browser_session: BrowserSession,
    name: str,
    credential: str,
    challenge: bytes,
    site: Site,
) -> list[str]:
    """Store a new passkey. Return new recovery codes if it is the person's first factor.

    Raises `ProofFailed` if it was made for another site or challenge, or is stored already.
    """
    import webauthn

    with _proof_fails():
        registration = webauthn.verify_registration_response(
            credential=credential, expected_challenge=challenge, expected_rp_id=site.host, expected_origin=site.origin
        )
    if session.scalar(select(Factor.id).filter_by(credential=registration.credential_id)):
        raise ProofFailed("passkey")
    factor = Factor(
        person_id=browser_session.person_id,
        kind="passkey",
        name=_clean_name(name),
        made_at=now(session),
        credential=registration.credential_id,
        public_key=registration.credential_public_key,
        sign_count=registration.sign_count,
    )
    return _record_new_factor(session, actor, browser_session, add_and_flush(session, factor))


@contextmanager
def _proof_fails() -> Iterator[None]:
    """Raise `ProofFailed` for any error of the library, which isn't made for what no browser sends."""
    try:
        yield
    except Exception as error:
        raise ProofFailed("passkey") from error


def _record_new_factor(session: Session, actor: Actor, browser_session: BrowserSession, factor: Factor) -> list[str]:
    """Record a new factor, which proves the person's identity. Return new recovery codes if it is their first."""
    audit.record(session, actor, "factor.add", factor, new=factor.kind, facts={"person": factor.person_id})
    browser_session.second_at = browser_session.stepped_up_at = now(session)
    is_first = len(list_factors(session, factor.person_id)) == 1
    return _replace_codes(session, factor.person_id) if is_first else []


def new_codes(session: Session, actor: Actor, person: Person) -> list[str]:
    """Replace a person's recovery codes. Return the new ones."""
    audit.record(session, actor, "factor.codes", person, facts={"person": person.id})
    return _replace_codes(session, person.id)


def _replace_codes(session: Session, person_id: int) -> list[str]:
    session.execute(delete(Factor).where(Factor.person_id == person_id, Factor.kind == "recovery"))
    codes = [b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(CODE_COUNT)]
    for code in codes:
        mac = get_keyring(session).mac("factors.code", code)
        session.add(Factor(person_id=person_id, kind="recovery", name="", made_at=now(session), code_mac=mac))
    session.flush()
    return [_format_code(code) for code in codes]


def _format_code(code: str) -> str:
    """Return a recovery code in groups of four characters."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def use_code(session: Session, actor: Actor, browser_session: BrowserSession, code: str) -> None:
    """Accept a code of one of the person's apps, or one of their recovery codes, which works once.

    Raises `ProofFailed`.
    """
    code = single_line(code).lower().replace(" ", "").replace("-", "")
    for factor in list_factors(session, browser_session.person_id):
        if factor.secret_sealed is None:
            continue
        lock_row(session, factor)  # two browsers may send the same code at once
        try:
            secret = get_keyring(session).open(_seal_context(factor), factor.secret_sealed)
            factor.last_step = _verify_code(session, secret, code, factor.last_step or 0)
        except ProofFailed:
            continue
        _record_use(session, actor, browser_session, factor)
        return
    recovery_code = session.scalar(
        select(Factor)
        .where(
            Factor.person_id == browser_session.person_id,
            Factor.code_mac.in_(get_keyring(session).macs("factors.code", code)),
            Factor.used_at.is_(None),
        )
        .with_for_update()
    )
    if recovery_code is None:
        raise ProofFailed("code")
    _record_use(session, actor, browser_session, recovery_code)


def use_passkey(
    session: Session, actor: Actor, browser_session: BrowserSession, credential: str, challenge: bytes, site: Site
) -> None:
    """Accept the signature of one of the person's passkeys. Raises `ProofFailed`."""
    import webauthn
    from webauthn.helpers import parse_authentication_credential_json

    with _proof_fails():
        parsed = parse_authentication_credential_json(credential)
    query = select(Factor).filter_by(person_id=browser_session.person_id, credential=parsed.raw_id)
    factor = session.scalar(query.with_for_update())
    person = session.get_one(Person, browser_session.person_id)
    if factor is None or parsed.response.user_handle not in (None, b"", person.public_id.encode()):
        raise ProofFailed("passkey")
    with _proof_fails():
        verification = webauthn.verify_authentication_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=factor.public_key or b"",
            credential_current_sign_count=factor.sign_count or 0,
        )
    factor.sign_count = verification.new_sign_count
    _record_use(session, actor, browser_session, factor)


def _record_use(session: Session, actor: Actor, browser_session: BrowserSession, factor: Factor) -> None:
    factor.used_at = browser_session.second_at = browser_session.stepped_up_at = now(session)
    facts = {"person": browser_session.person_id}
    audit.record(session, actor, "factor.show", browser_session, new=factor.kind, facts=facts)


def rename(session: Session, actor: Actor, person_id: int, public_id: str, name: str) -> None:
    """Rename a factor, if it still exists."""
    if factor := _get_factor(session, person_id, public_id):
        factor.name = _clean_name(name)
        audit.record(session, actor, "factor.rename", factor, facts={"person": person_id})


def remove(session: Session, actor: Actor, person_id: int, public_id: str) -> None:
    """Remove a factor, if it still exists. With a person's last factor, their recovery codes are removed too."""
    if factor := _get_factor(session, person_id, public_id):
        audit.record(session, actor, "factor.remove", factor, old=factor.kind, facts={"person": person_id})
        session.delete(factor)
        session.flush()
        if not list_factors(session, person_id):
            session.execute(delete(Factor).where(Factor.person_id == person_id))


def _get_factor(session: Session, person_id: int, public_id: str) -> Factor | None:
    query = select(Factor).where(Factor.person_id == person_id, Factor.public_id == public_id)
    return session.scalar(query.where(Factor.kind != "recovery"))


def reset(session: Session, actor: Actor, person: Person) -> None:
    """Remove all factors of a person who has lost them, and sign them out everywhere."""
    audit.record(session, actor, "factor.reset", person, facts={"person": person.id})
    session.execute(delete(Factor).where(Factor.person_id == person.id))
    sessions.end_all(session, actor, person)
