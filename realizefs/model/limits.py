"""Every bound, with its unit and its reason."""

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

BLOCK_BYTES_MIN = 128 * KIB
"""Bytes; one FUSE read of an unprivileged mount, so a smaller block would save nothing."""

BLOCKS_MAX = 4096
"""Blocks of one file: its block list stays within 128 KiB, one message."""

FIRST_BYTES_MAX = 512 * KIB
"""Bytes that may be asked for with a block list: to ask for more takes no longer than they do, and with
the list they are one answer."""

FRAME_MESSAGE_BYTES_MAX = 1 * MIB
"""Bytes of the capnp message in a frame: 500 rows with long paths fit, memory stays small."""

FRAME_PAYLOAD_BYTES_MAX = 8 * MIB
"""Bytes of raw payload in a frame: the largest read-ahead."""

ROWS_BATCH_MAX = 2000
"""Rows in one message and in one transaction: about 100 ms of work for the receiver."""

ROWS_BATCH_BYTES_MAX = 512 * KIB
"""Bytes of rows, estimated, in one message; half of a frame since estimates err."""

READ_BYTES_MAX = 8 * MIB
"""Bytes one Read may ask for; equals the payload bound."""

SEVERAL_MAX = 128
"""Small files that one request may ask for: what each of them costs alone is shared by so many."""

SEVERAL_BYTES_MAX = 1 * MIB
"""Bytes that they have together: in memory on both sides, and what a reader waits behind."""

REQUESTS_IN_FLIGHT_MAX = 64
"""Requests one side may have open on a connection; more wait at the asker, and are a protocol
fault at the holder."""

READ_AHEAD_BYTES_MAX = 16 * MIB
"""Bytes fetched ahead of a sequential reader: a second of a 64 Mbit/s line."""

SEND_QUEUE_FRAMES_MAX = 32
"""Frames waiting to be written on one connection; senders wait when it is full."""

PROGRESS_SECONDS = 5.0
"""Seconds without any progress after which a read that needs a peer fails (DESIGN 3.4)."""

PING_IDLE_SECONDS = 5.0
"""Seconds of silence after which a ping is sent."""

DEAD_LINK_SECONDS = 12.0
"""Seconds of silence after which the connection is given up: two pings were lost and a third is
late. A person who pulls a cable hears of it within a quarter of a minute."""

HANDSHAKE_SECONDS = 10.0
"""Seconds for TLS and Hello together; what is slower is not a peer."""

CONNECTIONS_PENDING_MAX = 64
"""Connections that haven't finished their handshake; further ones are closed at once."""

RECONNECT_SECONDS_FIRST = 0.2
"""Seconds until the first new try after a link was lost."""

RECONNECT_SECONDS_MAX = 10.0
"""Seconds between tries at most: an owner that is back is used again soon after."""

INVITATION_SECONDS = 24 * 3600
"""Seconds an invitation is good for."""

INVITATIONS_MAX = 100
"""Open invitations of one home; older ones are dropped first."""

CHUNK_BYTES = 8 * MIB
"""Bytes of small files that jobs may have in flight at once; a bigger file goes alone."""

JOBS_MAX = 64
"""Jobs running at once: small files then share round trips and commits; few descriptors."""

BACKOFF_SECONDS = (0, 15, 30, 60, 120, 300, 900, 3600, 3 * 3600, 9 * 3600, 18 * 3600)
"""Seconds before the n-th retry of a failed job; the last one repeats."""

BUSY_SECONDS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds before the n-th retry of a job whose file was in use or changed just now: the scanner
or the user's program is mostly done in a moment. After these, as BACKOFF_SECONDS."""

RECOUNTED_MAX = 100_000
"""Changes that are counted anew in one transaction where a backup was restored: the latest ones, some
seconds of work, and more than are made before the next peer is met."""

MIN_COPIES_DEFAULT = 1
"""Other peers that own a file which is given up here: nobody asks for more who has two machines."""

MIN_COPIES_MAX = 100
"""More machines than a household has; a file that waits for so many is never given up."""

TRASH_SECONDS_DEFAULT = 30 * 24 * 3600.0
"""Seconds after which the trash forgets; long enough to come back from holidays."""

TRASH_LISTED_MAX = 1000
"""Files of the trash in one answer; more than a person reads."""

CONFLICTS_LISTED_MAX = 1000
"""Conflicts in one answer; more than a person settles in a day."""

TRASHED_PATH_BYTES_MAX = 4000
"""Bytes of a path that the trash keeps: with where it is in there, the kernel takes 4095."""

GUARD_FEW = 100
"""Real files that peers may delete here at any rate: a person overlooks so many, and the trash has
them."""

GUARD_PERCENT_DEFAULT = 50
"""Percent of what is real here that peers may delete in a wave without somebody being asked: who
tidies up deletes less, and what wipes a machine more."""

GUARD_WAVE_SECONDS = 3600.0
"""Seconds without any deletion that end a wave: what takes a whole afternoon is still one."""

GUARD_GATHER_SECONDS = 1.0
"""Seconds that each of many deletions waits for how many more there are."""

CACHE_BYTES_DEFAULT = 10 * GIB
CACHE_PERCENT_DEFAULT = 10
"""Bytes, and percent of the disk, of which an arena that says nothing caches the smaller: useful on
a big disk, and a tenth of a small one is given for bytes that can be fetched again."""

CACHE_LEAVE_BYTES_DEFAULT = GIB
CACHE_LEAVE_PERCENT_DEFAULT = 1
"""Bytes, and percent of the disk, of which a cache leaves the smaller free: room for everybody's
saving, logging and updating until eviction has followed; a whole percent of a big disk would be
tens of gigabytes for nothing."""

INODE_RANGE_SIZE = 65536
"""Inodes given to an arena at a time: one global transaction per 65,536 new files."""

INODE_RESERVE = 1024
"""Inodes an arena takes from its range at a time; a crash forgets at most these."""

PEERS_MAX = 256
"""Peers in one roster; a family or a small office, and a bound on what a Roster may bring."""

REMOVED_MAX = 256
"""Removed peers that are remembered, so that old news doesn't bring them back; of more, those
removed longest ago are forgotten."""

ADDRESSES_MAX = 16
"""Addresses of one peer."""

ARENAS_MAX = 256
"""Arenas of one household."""

VECTOR_ENTRIES_MAX = PEERS_MAX
"""Peers in one version vector."""

CONTEXT_AUTHORS_MAX = 4 * VECTOR_ENTRIES_MAX
"""Authors whose changes are counted as seen: each peer with its present database and a few former ones,
16 KiB."""

CONTROL_LINE_BYTES_MAX = 1 * MIB
"""Bytes of one request or answer on the control socket."""

ROWS_UNACKED_MAX = 4
"""Rows messages of one arena that may be on their way unacknowledged: enough to keep the receiver
busy, few enough that the answer to a read never waits behind a long catch-up."""

MESSAGES_WAITING_MAX = 64
"""Messages of one peer that wait to be handled; then nothing more is read from it."""

SERVES_AT_ONCE_MAX = 4
"""Requests of one peer that are read from disk at once, the others wait: 32 MiB of payloads."""

SEND_QUEUE_BYTES_MAX = 16 * MIB
"""Bytes waiting to be written on one connection; senders wait when there are more."""

SEND_QUEUE_URGENT_FRAMES_MAX = 4096
"""Frames that may wait although nobody waits for room for them (answers to pings, failures,
acknowledgements): a peer that causes more without reading them is given up."""

CLOSE_SECONDS = 1.0
"""Seconds for the last frames and the TLS goodbye when a connection is closed."""

PEER_NAME_BYTES_MAX = 255
"""Bytes of the name of a peer or an arena, as one path name."""

CERTIFICATE_BYTES_MAX = 4 * KIB
"""Bytes of a DER certificate: ours have 300."""

ADDRESS_BYTES_MAX = 300
"""Bytes of "host:port": a DNS name has 253 at most."""

SENTENCE_BYTES_MAX = 8 * KIB
"""Bytes of a sentence that comes from a peer; a path of 4 KiB, escaped, fits."""

FEATURES_MAX = 64
"""Features that a Hello may announce."""

JOIN_SECRET_BYTES_MAX = 64
"""Bytes of the secret in an invitation."""

CONTROL_CONNECTIONS_MAX = 64
"""Commands answered at once; more wait their turn."""

ARENA_RETRY_SECONDS = 5.0
"""Seconds between tries to open an arena whose root is gone: soon after a disk is mounted."""

LISTEN_RETRY_SECONDS = 5.0
"""Seconds between tries to listen at an address that is taken: soon after whoever has it ends."""

MOUNT_SECONDS = 30.0
"""Seconds a mount may take to answer before the command line gives up on it."""

COMMAND_SECONDS = 120.0
"""Seconds the command line waits for an answer: a join on a slow line fits, a hang doesn't."""

FUSE_TASKS_MAX = 1000
"""Requests of the kernel answered at once: readers that wait for a peer hold a task each, and
hundreds of them must leave some for `ls`."""

FUSE_THREADS_MAX = 16
"""Worker threads for reads, writes and fsyncs of real files that may wait for the disk."""

INLINE_WRITE_BYTES_MAX = 64 * KIB
"""Bytes of a write done on the trio thread; a bigger one may meet the kernel's dirty throttling."""

KERNEL_CACHE_SECONDS = 300.0
"""Seconds the kernel may trust what only the index changes: every change is told to it."""

KERNEL_CACHE_SECONDS_WATCHED = 60.0
"""Seconds the kernel may trust what other programs can change in the arena root, but not unseen: of
that, every change is told to it. What inotify doesn't see are stores to mapped memory, and changes
of a file under another name that is outside of the root: these show after so long."""

KERNEL_CACHE_SECONDS_REAL = 1.0
"""Seconds the kernel may trust what other programs can change in the arena root unseen."""

SETTLED_SECONDS = 2.0
"""Seconds since its last change after which a real file is trusted for long. Whether a change was
heard of is known by its time, which has the kernel's tick as its grain, 10 ms at most; and who has
changed a file often changes it again."""

KERNEL_NOTICES_MAX = 65536
"""Invalidations waiting to be told to the kernel; more become one sweep over all it knows."""

LIVE_EVENTS_MAX = 16384
"""Names that programs which watch the mount are yet to hear of; a watcher's own queue in the kernel
(fs.inotify.max_queued_events) takes no more."""

WITNESSED_MAX = 16384
"""Inodes of which it is known what watchers know: those of a few large folders, 3 MiB."""

ATTRIBUTE_BYTES_MAX = 3072
"""Bytes of a file's own extended attributes while it is unreal, names and values together: what
ext4 can take when the file becomes real is one block of 4 KiB, marks and headers included."""

LISTED_NAMES_MAX = 300_000
"""Names that all open directories remember together, 120 MB; one alone may be larger."""

STALE_NAMES_MAX = 10000
"""Changed names remembered for one open directory; more make its whole listing uncached."""

DAEMON_START_SECONDS = 5.0
"""Seconds a daemon may hold its home's lock without a socket: it is starting or ending then."""

CONNECTIONS_PER_PEER_MAX = 4
"""Connections of one peer at once: one, and a few that are found dead only later."""

JOIN_MESSAGE_BYTES_MAX = 64 * KIB
"""Bytes of the only message that may come from somebody who isn't a peer yet: one card."""

TLS_READ_BYTES = 512 * KIB
"""Bytes read from a socket at once: 64 TLS records; 512 KiB moved an eighth less."""

TLS_WRITE_BYTES = 512 * KIB
"""Bytes encrypted at once: about 0.2 ms in which nothing else runs."""

HAPPY_EYEBALLS_SECONDS = 0.25
"""Seconds before the next address is tried beside the one that hasn't answered (RFC 8305)."""

DECODE_INLINE_BYTES_MAX = 4 * KIB
"""Bytes of a message decoded on the trio thread, about half a millisecond; a bigger one, which
is always Rows or a Roster, in a worker thread."""

RATE_BYTES_MIN = 8 * KIB
"""Bytes per second, the lowest limit of a rate: a TLS record of 16 KiB is whole every two seconds;
with less, what comes would pass for a holder that hangs (PROGRESS_SECONDS)."""

RATE_PIECE_SECONDS = 0.05
"""Seconds' worth of bytes that pass at once where a rate is limited: a line that trickles, and
twenty wake-ups a second."""

RATE_PIECE_BYTES_MIN = 1 * KIB
"""Bytes that pass at once at least: fewer would cost more system calls than they are worth."""

RATE_CREDIT_SECONDS = 0.1
"""Seconds for which a rate that wasn't used may be made up: more than a busy loop oversleeps, and
less than a twentieth of two seconds."""

COMPRESS_BYTES_MIN = 1 * KIB
"""Bytes of an answer that is compressed at least: a smaller one is one packet anyway."""

COMPRESS_SAMPLE_BYTES = 8 * KIB
"""Bytes of an answer that are compressed first to see whether it pays: 30 microseconds."""

COMPRESS_RATIO_MAX = 0.9
"""What is left after compressing at most; the tenth saved is worth the other side's time."""

COMPRESS_LINK_BYTES_MAX = 150_000_000
"""Bytes per second of a link from which on nothing is compressed: that is what one core compresses
at least, and so a gigabit line is compressed for and a faster one isn't slowed down."""

HEDGE_SECONDS = 0.5
"""Seconds in which a holder sends nothing of a piece after which another is asked, too: a tenth of
the deadline, and more than a round trip to the other side of the world."""

BULK_SECONDS = 0.25
"""Seconds' worth of bytes that downloads have on their way from one peer: what a person's read waits
behind at most, and more than a round trip to the other side of the world."""

BULK_BYTES_MIN = 512 * KIB
"""Bytes that they have on their way at least: a few blocks, where it isn't known how fast it goes."""

BULK_REQUESTS_MAX = REQUESTS_IN_FLIGHT_MAX - 8
"""Requests of downloads in flight: the others are for readers who wait."""

SIGNATURE_BYTES_MAX = 64 * KIB
"""Bytes of a signature in a request: that of the largest piece with its surroundings, and a third."""

DELTA_SLACK_BYTES = 256 * KIB
"""Bytes around a range of the old content in which bytes of the new one are looked for: what was
inserted or removed before it moves it by so much at most. More costs signatures."""

BASES_MAX = 16
"""Old contents that are open to take from: a descriptor each, and 128 KiB of a block list."""

REPLACED_MAX = 4
"""Contents that a version remembers to have replaced, 128 bytes: what an editor saves while another
peer changes permissions, or loses its database."""

PIN_SECONDS = 30.0
"""Seconds that an owner keeps a file on another peer's request: much longer than giving one up takes,
and not long for who waits to give it up next."""

PINS_MAX = 100_000
"""Files kept so at once, 20 MB: what one peer can give up in PIN_SECONDS."""
