"""Bytes to values and back: wire messages and stored records, and the only use of capnp.

The promise: a capnp object never leaves this layer. Whatever bytes come in, out comes either a
value of the model or an error that names whose fault it is.

In reading order:
    schema                      loads capnp/*.capnp
    buffers                     memory for bulk bytes, used again
    frames                      cuts a byte stream into messages and payloads, both bounded
    peer_messages               messages of peers as bytes and back, by way of
    peer_encode, peer_decode,   value → struct; struct → value, every field checked; the rows
    peer_rows                   of a history among them
    peer_fields                 by these
    compression                 answers compressed and back, bounded
    several                     contents of several files in one answer
    deltas                      what changed between two contents
    records                     stored records as bytes and back
    rule_records                those of rules
    journal_records             those of what happened
    index_records               the most frequent of them, which are no capnp
"""
