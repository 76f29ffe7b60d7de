-- Devices that sync, what they did each time, and what apps show of it; tombstones that are old; the
-- tables of the SQLite schema, column for column. Times are milliseconds since
-- 1970-01-01T00:00:00Z; UUIDs are 16 bytes; JSON is text.

alter table branch add column refused bigint not null default 0;  -- what it ends with was refused

-- The number on the feed with which it became so.
alter table entity_version add column changed bigint not null default 0;

create index entity_deleted on entity (updated_at) where deleted = 1;

create table device (
    tenant      text collate "C" not null,
    user_id     text collate "C" not null,
    device      text collate "C" not null,
    first_at    bigint           not null,
    seen_at     bigint           not null,
    stamp_at    bigint,                       -- the stamp of what it wrote last
    stamp_count bigint,
    place       bigint           not null default 0,    -- what it has of its user's data feed
    given       bigint           not null default 0,    -- what it was given of its activities
    generation  bigint           not null default 0,    -- grows with each push, if it counts them
    session     bytea,                          -- the last sync session
    pending     bigint,                       -- operations that it said it had not sent yet
    reported_at bigint,                       -- and when it said so
    primary key (tenant, user_id, device)
);

create table sync_session (
    tenant     text collate "C" not null,
    user_id    text collate "C" not null,
    id         bytea            not null,
    device     text collate "C" not null,
    started_at bigint           not null,
    ended_at   bigint           not null,
    operations bigint           not null,
    applied    bigint           not null,
    merged     bigint           not null,
    conflicts  bigint           not null,
    rejected   bigint           not null,
    replayed   bigint           not null,
    pulled     bigint           not null,
    primary key (tenant, user_id, id)
);
create index sync_session_device on sync_session (tenant, user_id, device, id);
create index sync_session_ended on sync_session (ended_at);

-- Operations as the apps that send activities know them; the id is the operation's.
create table activity (
    tenant     text collate "C" not null,
    user_id    text collate "C" not null,
    id         text collate "C" not null,
    kind       text collate "C" not null,
    entity_id  text collate "C" not null,
    device     text collate "C" not null,
    data       text collate "C" not null,
    status     text collate "C" not null,               -- synced, conflict, failed
    reason     text collate "C" not null,
    created_at bigint           not null,
    decided_at bigint           not null,
    primary key (tenant, user_id, id)
);
create index activity_status on activity (tenant, user_id, status, created_at, id);
create index activity_kind on activity (tenant, user_id, kind, status, created_at, id);
create index activity_decided on activity (decided_at) where status = 'synced';

-- Conflicts that wait for their user, to be counted.
create index sync_conflict_waiting on sync_conflict (tenant, user_id, id) where open = 1;

-- What a class's devices have to read, what is left of deleted lessons too.
create index lesson_changed on lesson (tenant, class_id, changed);
create index lesson_updated on lesson (tenant, class_id, updated_at);

-- Before a table has statistics all of its indexes that begin alike cost the planner the same, and it
-- takes the youngest: that is to be the one that finds the row.
alter table entity drop constraint entity_pkey, add primary key (feed_id, kind, id);
alter table lesson drop constraint lesson_pkey, add primary key (tenant, id);
alter table sync_conflict drop constraint sync_conflict_pkey, add primary key (tenant, id);
alter table activity drop constraint activity_pkey, add primary key (tenant, user_id, id);
alter table sync_session drop constraint sync_session_pkey, add primary key (tenant, user_id, id);

-- What a device forgets that says only since when it wants to know.
create index topic_member_left on topic_member (tenant, user_id, topic_id) where removed = 1;
