-- Devices that sync, what they did each time, and what apps show of it; tombstones that are old.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes; JSON is text.

alter table branch add column refused integer not null default 0;  -- what it ends with was refused

-- The number on the feed with which it became so.
alter table entity_version add column changed integer not null default 0;

create index entity_deleted on entity (updated_at) where deleted = 1;

create table device (
    tenant      text    not null,
    user_id     text    not null,
    device      text    not null,
    first_at    integer not null,
    seen_at     integer not null,
    stamp_at    integer,                       -- the stamp of what it wrote last
    stamp_count integer,
    place       integer not null default 0,    -- what it has of its user's data feed
    given       integer not null default 0,    -- what it was given of its activities
    generation  integer not null default 0,    -- grows with each push, if it counts them
    session     blob,                          -- the last sync session
    pending     integer,                       -- operations that it said it had not sent yet
    reported_at integer,                       -- and when it said so
    primary key (tenant, user_id, device)
) without rowid;

create table sync_session (
    tenant     text    not null,
    user_id    text    not null,
    id         blob    not null,
    device     text    not null,
    started_at integer not null,
    ended_at   integer not null,
    operations integer not null,
    applied    integer not null,
    merged     integer not null,
    conflicts  integer not null,
    rejected   integer not null,
    replayed   integer not null,
    pulled     integer not null,
    primary key (tenant, user_id, id)
) without rowid;
create index sync_session_device on sync_session (tenant, user_id, device, id);
create index sync_session_ended on sync_session (ended_at);

-- Operations as the apps that send activities know them; the id is the operation's.
create table activity (
    tenant     text    not null,
    user_id    text    not null,
    id         text    not null,
    kind       text    not null,
    entity_id  text    not null,
    device     text    not null,
    data       text    not null,
    status     text    not null,               -- synced, conflict, failed
    reason     text    not null,
    created_at integer not null,
    decided_at integer not null,
    primary key (tenant, user_id, id)
) without rowid;
create index activity_status on activity (tenant, user_id, status, created_at, id);
create index activity_kind on activity (tenant, user_id, kind, status, created_at, id);
create index activity_decided on activity (decided_at) where status = 'synced';

-- Conflicts that wait for their user, to be counted.
create index sync_conflict_waiting on sync_conflict (tenant, user_id, id) where open = 1;

-- What a class's devices have to read, what is left of deleted lessons too.
create index lesson_changed on lesson (tenant, class_id, changed);
create index lesson_updated on lesson (tenant, class_id, updated_at);

-- What a device forgets that says only since when it wants to know.
create index topic_member_left on topic_member (tenant, user_id, topic_id) where removed = 1;
