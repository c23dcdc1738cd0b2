"""The decisions: what follows from an event and the time, as pure functions and machines.

The promise: events and time come in, effects go out as data, and the same input gives the same
output. Nothing here reads a clock, a file, a socket or chance, so a simulation can run a whole
household in one thread and repeat a run from its seed.

In reading order:
    merge                   two versions of one path: which wins, and who keeps the loser's content
    causal                  what was seen in all, so that deletions can be forgotten
    decide                  mark and situation → Realize, Unrealize, UpdateCache or nothing
    ignore, rules           what is never shared, as git reads patterns; which rule counts for a file
    foresee                 what another mark would do
    plainly                 what is known of a path, as one sentence
    telling                 what of all changes the journal tells
    membership              who belongs to the household, and whom to believe about it
    neighbour, pairing      what a machine says of itself on the local network; who compares a code
    guard                   how much peers may delete before somebody is asked
    plan, striping          which blocks a read fetches, and how far ahead; from which holder
    browsing                which files of a folder are fetched ahead of their reader
    effects, session_table  what a session may want done; what it does with each message
    calls, session          requests in flight; two peers on one connection
    evict, sketch, share    what leaves the cache; how often what was used; the window's size
    compress, rate          whether an answer is compressed; how fast a peer has been lately
    counting                what is counted of all this while it runs
    parts                   which parts of a large content leave first
    pins                    owners' promises, so that never all give a file up
    diagnose                what is in the way on a machine, and how to mend it
    background              whether a machine may fetch what nobody waits for
    backoff, throttle       when to try again to reach a peer; how fast bytes may pass
"""
