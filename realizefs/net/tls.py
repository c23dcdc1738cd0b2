"""TLS contexts: 1.3 only, exactly the known certificates, no authorities, no names.

A peer presents its certificate; OpenSSL verifies it against the known ones as trust anchors, and
`net.handshake` compares it with them byte by byte, so that being *signed by* a known key is not
enough. A joiner presents none: it isn't known yet, and what proves its right is the secret of
the invitation, sent over a channel whose server is pinned. A listener therefore accepts both and
calls what came without certificate a joiner; `Channel.certificate` is empty then.
"""

import logging
import ssl
from collections.abc import Sequence

from realizefs.net.identity import Identity, fingerprint

log = logging.getLogger("realizefs.net")


def listener_context(identity: Identity, known: Sequence[bytes]) -> ssl.SSLContext:
    """For accepting the peers whose DER certificates are `known`, and joiners."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.verify_mode = ssl.CERT_OPTIONAL  # optional to have one; what is shown must be known
    context.num_tickets = 0  # nothing is resumed; every connection is verified
    _trust(context, known)
    return context


def dialler_context(identity: Identity, certificate: bytes) -> ssl.SSLContext:
    """For dialling the one peer with this DER certificate."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    context.verify_mode = ssl.CERT_REQUIRED
    _trust(context, [certificate])
    return context


def joiner_context() -> ssl.SSLContext:
    """For dialling an inviter of whom only the fingerprint is known: the caller compares it
    before it sends anything."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _trust(context: ssl.SSLContext, certificates: Sequence[bytes]) -> None:
    """One by one: what a peer passed off as a certificate must not shut the others out."""
    for certificate in certificates:
        try:
            context.load_verify_locations(cadata=certificate)
        except ssl.SSLError:
            log.warning(
                "The peer with fingerprint %s has a damaged certificate in the roster; it can't"
                " connect.",
                fingerprint(certificate),
            )
