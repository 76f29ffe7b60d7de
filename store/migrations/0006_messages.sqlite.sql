-- Messages, each on the feed of its topic, and up to where each member has read.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes, digests 32.

-- Clustered by feed and number: a page of history reads neighbours.
create table message (
    feed_id     integer not null,
    born        integer not null,             -- the number with which it was sent
    changed     integer not null,             -- the number of its last change
    tenant      text    not null,
    id          blob    not null,
    topic_id    text    not null,
    sender_id   text    not null,
    sender_name text,
    client_id   text,                         -- what the sender's device called it
    digest      blob    not null,             -- of what was sent under that name
    text        text    not null,
    mentions    text    not null,             -- user ids, one on each line
    room_id     text,
    reply_to    blob,
    created_at  integer not null,
    edited_at   integer,
    deleted     integer not null default 0,
    primary key (feed_id, born)
) without rowid;
create unique index message_id on message (tenant, id);
create index message_changed on message (feed_id, changed);
create unique index message_client on message (feed_id, sender_id, client_id)
    where client_id is not null;
create index message_sender on message (feed_id, sender_id, born) where deleted = 0;

-- Messages of topics that were deleted, until they are taken away.
create table message_leftover (
    feed_id integer not null primary key,
    up_to   integer not null                  -- with this number, and all before it
);

alter table topic add column began integer not null default 0;  -- its messages come behind this number
alter table topic_member add column read_up_to integer not null default 0;
