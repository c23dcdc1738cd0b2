"""Carrying out decisions: the household's sessions, serving, fetching, jobs and scans.

The promise: runs what `core` decides against `store` and `net`, decides nothing itself, and owns
every task it starts. Whatever a peer does ends in that peer's session, not in this process.

In reading order:
    arena, arena_view               one arena while the daemon runs: changes, and what is known
    context, writer, batch          what its parts share; group commit; one transaction's news
    bell, gate, patience            waking, bounding, waiting
  from the arena root to the index
    scanner, following, due         the scan; inotify; what waits, and for how long
    ignoring, recording             what is never shared; recording what was found together
    look, looking, record, gone     what is there, hashed; recording it, or that it isn't there
    carried, our_doing, to_leave,   what a crash or a job left of a realize, what a job does and hasn't
    followed, made                  yet begun, what a crash left of a rename that was followed, what we
                                    made for something to be in it: no user's edits
    moved                           renames that were made in the root, known again
    ruling                          rules made, removed, and asked again when files grow older
    local, marking, overlay         changes of unreal files; marks; what isn't indexed yet
    name_changes, wholly_real       renames and deletes: queued, and what is waited for
    standing, moving                how things stand then; what becomes of them in the index
    names, pending                  what a name means meanwhile
  from peer to peer
    household, expected             who is connected; who may be in a moment
    dialling, neighbours            reaching those who aren't connected; who is on this network
    suspension                      the machine slept
    introducing                     who is told of whom, and who is connected to whom
    acquaintances                   since when they are connected, and what went to and fro
    bandwidth                       the rates that links are held to
    roster, peer_state, joining, leaving
                                    who belongs to us, how they come in and go
    pairing                         a code that two people compare instead of an invitation
    link, handling, silence         one session; what is done with it; how long it brought nothing
    asking, answering               our requests; theirs
    urgency, lanes                  who goes first
    links                           those that share an arena
    gossip, apply, restored         telling and hearing history; applying it; being an older copy
    told_seen, forgetting           telling what was seen here; tombstones that everybody has
    serve                           serving bytes
    aside, renames                  conflict copies; following renames of what is real here
  from the index to the arena root and the cache
    engine, safety                  dirty paths → stored decisions; what may be dropped
    engine_store                    what is wanted and when; page by page where there is much
    jobs, actions, rootwork         carrying them out; realize and unrealize; their native half
    background                      when they may fetch
    pinning                         giving up a file on the word of another owner
    turns, own_attributes           one at a time; what else goes along with a file
    guard, approving                what peers deleted, where it is very much: held, and released
    trash, trashcan, conflicts      what peers deleted or replaced here; conflict copies settled
    on_demand, handover, below      what a person asks to be cached, or no longer; to be another
                                    machine's; all files below a path
    homeless                        what nobody holds at a name, and is here at another
    successors                      what became here of a content that is nowhere any more
    gathering, siblings             small files together; the next ones of a folder, ahead of
    fetcher, pieces, pace           reads and downloads; pieces on their way, and who wants them; how
                                    large they are
    sources, wanted                 from holders; what is wanted, verified
    reuse, bases, holder            what the old version has of it; a delta, a copy, or both
    lacking                         whether there is room for what is to come
    race, candidates, distrust      the first good answer; who is asked next; who lied
    shelf, reading, recent          into the cache; what of it stays open for its readers, and what in
                                    memory
    telling                         the journal of what happened, written and read
    describe, summary               why a path is as it is; what a folder is, in all
    work                            what is being carried out, and what waits and why
    foresight                       what a mark would bring or take away
  when something is wrong
    notices                         what its user should know all the same
    presence, loss                  an emptied root stops the arena; accepting that it is lost
    farewell                        what would be lost if this machine gave the arena up
    checking                        a check while all this goes on
"""
