"""Peers over TLS: identity, dialling, listening, frames in and out.

The promise: exactly the certificates of the roster get through, every wait has a deadline and
every buffer a bound. What the frames mean is the business of `core` and `sync`.

In reading order:
    identity, tls           this machine's key and certificate; contexts that accept known ones
    tls_stream, channel     TLS by hand over a trio stream; messages over it, with their queues
    throttle                what holds it to a rate
    address, dial           addresses as people write them; all of a peer's, whichever answers first
    listen                  the other end
    interfaces              this machine's addresses change
    mdns                    announced on the local network, and heard there
    http_server             HTTP for programs of this machine
    metered                 whether the network costs money by the byte
"""
