@0xc6a1f5d8e2b04937;

# What the databases keep: one struct for each kind of record, packed when stored. Entry and RealRow
# are read only, in databases that were written until arena schema 2: the most frequent records are
# no messages any more (realizefs/codec/index_records.py).
#
# Fields are only ever added, with the next free number, so that a database outlives the program
# that wrote it. What a record means, its units and bounds: realizefs/model/; where it is kept:
# realizefs/store/schema.py. A vector is flat, "peer, counter, peer, counter, …" with ascending
# peers: a list of structs takes four times as long to read, and every lookup reads one.

struct Entry {
  parent @0 :UInt64;      # inode; 0: the arena's root, or an entry that has no place just now
  name @1 :Data;
  seq @2 :UInt64;         # its row in our history; 0: none (the root)
  origin @3 :UInt64;      # peer; 0: made here
  kind @4 :UInt8;         # model.versions.Kind
  deleted @5 :Bool;
  mode @6 :UInt16;        # 0o7777
  hash @7 :Data;          # 32 bytes or none
  blockRoot @8 :Data;     # 32 bytes or none
  size @9 :UInt64;        # bytes
  mtimeNs @10 :Int64;
  target @11 :Data;
  author @12 :UInt64;     # peer
  vector @13 :List(UInt64);
  lineage @14 :List(UInt64); # none: the vector
}

struct RealRow {
  dev @0 :UInt64;
  ino @1 :UInt64;
  size @2 :UInt64;        # bytes
  mtimeNs @3 :Int64;
  ctimeNs @4 :Int64;
  mode @5 :UInt32;        # the full st_mode
  hash @6 :Data;
  vector @7 :List(UInt64);
}

struct Decision {
  action @0 :UInt8;       # model.decisions.Action
  hash @1 :Data;
  attempts @2 :UInt32;
  retryAtNs @3 :Int64;    # wall clock
  waitForPeer @4 :Bool;
  error @5 :Text;
}

struct BlobRow {
  id @0 :UInt64;
  ino @1 :UInt64;
  hash @2 :Data;
  size @3 :UInt64;        # bytes of the content
  ranges @4 :List(UInt64); # flat: start, end, start, end, …
  verified @5 :Bool;
  protected @6 :Bool;
  usage @7 :UInt64;       # bytes allocated on disk
  outdated @8 :Bool;      # of a version that is no longer the entry's
  stamp @9 :UInt64;       # its place in its LRU queue
  window @10 :Bool;       # not admitted to the main queue yet
}

struct PeerCard {
  peer @0 :UInt64;
  name @1 :Text;
  certificate @2 :Data;   # DER
  addresses @3 :List(Text);
  arenas @4 :List(Data);  # what stands for `grants` in older records: 16 bytes each
  grants @5 :List(Grant);
  admitted @6 :UInt64;
  removed @7 :UInt64;
  addressed @8 :UInt64;
}

struct Grant {
  arena @0 :Data;         # 16 bytes
  access @1 :UInt8;       # model.grants.Access
  edition @2 :UInt64;
}

struct Invitation {
  expiresNs @0 :Int64;    # wall clock
  arenas @1 :List(Data);
}

struct Rules {
  rules @0 :List(Rule);
  last @1 :UInt32;        # the last number that was given to one
}

struct Rule {
  number @0 :UInt32;
  mark @1 :Text;          # own, keep or watch
  pattern @2 :Data;
  below @3 :UInt64;       # inode of a directory
  minSize @4 :Int64;      # bytes
  maxSize @5 :Int64 = -1; # bytes; -1: any; so below
  newerNs @6 :Int64 = -1;
  olderNs @7 :Int64 = -1;
}
