-- Messages, each on the feed of its topic, and up to where each member has read; the tables of the
-- SQLite schema, column for column. Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16
-- bytes, digests 32.

-- Clustered by feed and number: a page of history reads neighbours.
create table message (
    feed_id     bigint           not null,
    born        bigint           not null,             -- the number with which it was sent
    changed     bigint           not null,             -- the number of its last change
    tenant      text collate "C" not null,
    id          bytea            not null,
    topic_id    text collate "C" not null,
    sender_id   text collate "C" not null,
    sender_name text collate "C",
    client_id   text collate "C",                         -- what the sender's device called it
    digest      bytea            not null,             -- of what was sent under that name
    text        text collate "C" not null,
    mentions    text collate "C" not null,             -- user ids, one on each line
    room_id     text collate "C",
    reply_to    bytea,
    created_at  bigint           not null,
    edited_at   bigint,
    deleted     bigint           not null default 0,
    primary key (feed_id, born)
);
create unique index message_id on message (tenant, id);
create index message_changed on message (feed_id, changed);
create unique index message_client on message (feed_id, sender_id, client_id)
    where client_id is not null;
create index message_sender on message (feed_id, sender_id, born) where deleted = 0;

-- Messages of topics that were deleted, until they are taken away.
create table message_leftover (
    feed_id     bigint           not null primary key,
    up_to       bigint           not null                  -- with this number, and all before it
);

alter table topic add column began bigint not null default 0;  -- its messages come behind this number
alter table topic_member add column read_up_to bigint not null default 0;
