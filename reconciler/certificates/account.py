"""Our account at an ACME server: its key is made once and kept, its URL learned when we register."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from reconciler.certificates.folder import ACCOUNT, Folder
from reconciler.errors import CertificateError
from reconciler.model.base import Value
from reconciler.model.fleet import ACMESpec

if TYPE_CHECKING:
    from acme.client import ClientV2
    from josepy.jwk import JWKEC

TIMEOUT_S = 30


class Account(Value):
    """`key` is a JWK with its private part. `uri` is empty until the server has given one."""

    key: dict[str, Any]
    uri: str = ""
    email: str = ""

    def __repr__(self) -> str:
        return f"Account({self.uri or 'not registered'})"


def connect(spec: ACMESpec, folder: Folder) -> ClientV2:
    """A client that speaks for our account, which is registered if it isn't yet.

    The terms of service are agreed to: whoever sets spec.network.ingress.acme does so (docs/certificates.md).
    Raises what `acme` and `requests` raise (see `reasons`), and `OSError` when the key can't be kept.
    """
    from acme import client
    from acme.messages import Registration, RegistrationResource
    from josepy.jwa import ES256

    from reconciler.certificates.answers import BoundedAdapter

    account = _kept(folder)
    network = client.ClientNetwork(
        _key(account),
        alg=ES256,
        user_agent="reconciler",
        timeout=TIMEOUT_S,
        verify_ssl=cast("bool", _trusted(spec)),  # acme hands it to requests, which takes a path, too
    )
    for scheme in ("http://", "https://"):
        network.session.mount(scheme, BoundedAdapter())
    directory = client.ClientV2.get_directory(spec.directory, network)
    acme = client.ClientV2(directory, network)
    if account.uri and account.email == spec.email:
        network.account = RegistrationResource(body=Registration(), uri=account.uri)
    else:
        uri = _register(acme, spec.email)
        _save(folder, Account(key=account.key, uri=uri, email=spec.email))
    return acme


def _trusted(spec: ACMESpec) -> str | bool:
    path = Path(spec.ca_file).expanduser()
    if spec.ca_file and not path.is_file():
        raise CertificateError(f"spec.network.ingress.acme.caFile: there is no file {path}")
    return str(path) if spec.ca_file else True


def forget_registration(folder: Folder) -> None:
    """The server doesn't know the account any more: the key registers anew next time."""
    account = _kept(folder)
    _save(folder, Account(key=account.key))


def _register(acme: ClientV2, email: str) -> str:
    """The account's URL. A key that the server knows already keeps its account, with this address."""
    from acme.errors import ConflictError
    from acme.messages import NewRegistration, Registration, RegistrationResource

    try:
        new = NewRegistration.from_data(email=email or None, terms_of_service_agreed=True)
        return str(acme.new_account(new).uri)
    except ConflictError as known:
        there = RegistrationResource(body=Registration(), uri=known.location)
        acme.net.account = there
        if email:
            acme.update_registration(there, Registration.from_data(email=email))
        return str(known.location)


def _kept(folder: Folder) -> Account:
    """Kept before it is used: a key that is lost after registering leaves an account that nobody can use."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from josepy.errors import DeserializationError
    from josepy.jwk import JWKEC

    account = folder.json(folder.path / ACCOUNT, Account)
    if account is not None:
        with contextlib.suppress(DeserializationError, ValueError):  # damaged: begun anew
            _key(account)
            return account
    key = JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
    account = Account(key=key.to_json())
    _save(folder, account)
    return account


def _save(folder: Folder, account: Account) -> None:
    folder.write_json(folder.path / ACCOUNT, account)


def _key(account: Account) -> JWKEC:
    from josepy.jwk import JWKEC

    return cast("JWKEC", JWKEC.from_json(account.key))
