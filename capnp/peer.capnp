@0xd2b6f0a83c1e5947;

# What peers say to each other: one PeerMessage in every frame (see realizefs/codec/frames.py).
# Bulk bytes never stand here: they follow the message in its frame, as the raw payload.
#
# Fields are only ever added, with the next free number; a message that an older peer can't know is
# announced as a feature in Hello first. Meanings, units and bounds: realizefs/model/messages.py.

struct PeerMessage {
  union {
    hello @0 :Hello;
    roster @1 :Roster;
    subscribe @2 :Subscribe;
    rows @3 :Rows;
    ack @4 :Ack;
    read @5 :Read;
    readBlocks @6 :ReadBlocks;
    data @7 :UInt64;        # the id of the request; the bytes are the frame's payload
    failure @8 :Failure;
    cancel @9 :UInt64;      # the id of the request
    ping @10 :UInt64;       # a token
    pong @11 :UInt64;       # the token of the ping
    join @12 :Join;
    welcome @13 :Welcome;
    refused @14 :Text;      # why, for people
    packed @15 :Packed;    # to those whose hello has the feature "zstd"
    readDelta @16 :ReadDelta; # with the feature "delta"
    delta @17 :Packed;      # the answer; smaller than its size: a zstd frame
    pin @18 :Pin;
    take @19 :Take;         # with the feature "take"
    pairStart @20 :PairStart; # these five only to who is announced as open for pairing, and from him
    pairAnswer @21 :PairAnswer;
    pairReveal @22 :Data;   # 32 bytes
    pairAgreed @23 :Void;
    pairInvited @24 :PairInvited;
    readSeveral @25 :ReadSeveral; # with the feature "several"
  }
}

struct Hello {
  protocol @0 :UInt32;
  features @1 :List(Text);
  peer @2 :UInt64;
  name @3 :Text;
  arenas @4 :List(Data);    # 16 bytes each
  wallNs @5 :Int64;         # what the sender's clock says; 0 from older programs
}

struct Card {
  peer @0 :UInt64;
  name @1 :Text;
  certificate @2 :Data;     # DER
  addresses @3 :List(Text); # "host:port"
  arenas @4 :List(Data);    # as grants were called before: 16 bytes each
  grants @5 :List(Grant);
  admitted @6 :UInt64;
  addressed @7 :UInt64;     # the edition of the addresses
}

struct Grant {
  arena @0 :Data;           # 16 bytes
  access @1 :UInt8;         # model.grants.Access
  edition @2 :UInt64;
}

struct Removal {
  peer @0 :UInt64;
  edition @1 :UInt64;
}

struct Roster {
  peers @0 :List(Card);
  removed @1 :List(Removal);
  connected @2 :List(UInt64); # peers; none from older programs
}

struct Subscribe {
  arena @0 :Data;           # 16 bytes
  replica @1 :Data;         # 16 bytes, or none if no replica is known yet
  after @2 :UInt64;
}

struct Counter {
  peer @0 :UInt64;
  count @1 :UInt64;
}

struct Row {
  path @0 :Data;
  kind @1 :UInt8;           # model.versions.Kind
  held @2 :UInt8;           # model.versions.Held
  deleted @3 :Bool;
  mode @4 :UInt16;          # 0o7777
  size @5 :UInt64;          # bytes
  mtimeNs @6 :Int64;
  author @7 :UInt64;
  hash @8 :Data;            # 32 bytes or none
  blockRoot @9 :Data;       # 32 bytes or none
  target @10 :Data;
  vector @11 :List(Counter);  # ascending authors, no zero counts
  unused12 @12 :List(Counter); # was lineage, in protocol 1
  others @13 :List(Head);     # ascending authors; mostly none
  replaced @14 :Data;         # 32 bytes for each content, the last one first
}

struct Head {               # as in Row, of a version without the name
  kind @0 :UInt8;
  deleted @1 :Bool;
  mode @2 :UInt16;
  size @3 :UInt64;
  mtimeNs @4 :Int64;
  author @5 :UInt64;
  hash @6 :Data;
  blockRoot @7 :Data;
  target @8 :Data;
  replaced @9 :Data;
}

struct Rows {
  arena @0 :Data;
  replica @1 :Data;
  last @2 :UInt64;
  rows @3 :List(Row);
  after @4 :UInt64;
  seen @5 :List(Counter);     # as a vector; mostly none
  isAll @6 :Bool;
  isSettled @7 :Bool;
}

struct Ack {
  arena @0 :Data;
  replica @1 :Data;
  seq @2 :UInt64;
}

struct Read {
  request @0 :UInt64;
  arena @1 :Data;
  path @2 :Data;
  hash @3 :Data;
  start @4 :UInt64;
  length @5 :UInt32;
  bulk @6 :Bool;            # nobody waits for it
}

struct ReadDelta {          # the payload is the signature of what the asker has
  read @0 :Read;
}

struct ReadSeveral {        # nobody waits for it
  request @0 :UInt64;
  arena @1 :Data;
  files @2 :List(Small);
}

struct Small {
  path @0 :Data;
  hash @1 :Data;
  size @2 :UInt32;          # of all of it, more than 0
}

struct ReadBlocks {
  request @0 :UInt64;
  arena @1 :Data;
  path @2 :Data;
  hash @3 :Data;
  start @4 :UInt64;     # these bytes of it, too, behind the list; programs that don't know of it
  length @5 :UInt32;    # send the list alone
}

struct Packed {
  request @0 :UInt64;
  size @1 :UInt32;          # bytes that the payload, a zstd frame, holds
}

struct Pin {
  request @0 :UInt64;
  arena @1 :Data;
  path @2 :Data;
  hash @3 :Data;
}

struct Take {
  request @0 :UInt64;
  arena @1 :Data;
  path @2 :Data;
}

struct Failure {
  request @0 :UInt64;
  code @1 :Text;
  detail @2 :Text;
}

struct Join {
  secret @0 :Data;
  card @1 :Card;
}

struct PairStart {
  commitment @0 :Data;      # 32 bytes
  card @1 :Card;
}

struct PairAnswer {
  nonce @0 :Data;           # 32 bytes
  name @1 :Text;
}

struct PairInvited {
  secret @0 :Data;
  arenas @1 :List(SharedArena);
}

struct SharedArena {
  arena @0 :Data;
  name @1 :Text;
}

struct Welcome {
  roster @0 :List(Card);
  arenas @1 :List(SharedArena);
}
