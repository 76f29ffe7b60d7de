-- Offline work: entities on their owner's or their topic's feed, what they were, what devices did to
-- them, and what was in the way of what. Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are
-- 16 bytes; JSON is text.

create table entity (
    feed_id    integer not null,
    kind       text    not null,
    id         text    not null,
    tenant     text    not null,
    version    integer not null,              -- grows by one with each change that devices see
    revision   integer not null,              -- grows by one with each write of this row
    changed    integer not null,              -- its number on the feed
    data       text    not null,              -- of one that was deleted, what it had
    stamps     text    not null,              -- when its fields were written
    deleted    integer not null,
    device     text    not null,              -- which wrote last
    created_at integer not null,
    updated_at integer not null,
    primary key (feed_id, kind, id)
) without rowid;
create index entity_changed on entity (feed_id, changed);
create index entity_updated on entity (feed_id, updated_at);

-- What entities were, as the base of edits that come late.
create table entity_version (
    feed_id integer not null,
    kind    text    not null,
    id      text    not null,
    version integer not null,
    data    text    not null,
    deleted integer not null,
    at      integer not null,
    primary key (feed_id, kind, id, version)
) without rowid;
create index entity_version_at on entity_version (at);

-- Every operation once: its id and digest are kept for ever, its outcome for a time.
create table operation (
    tenant  text    not null,
    user_id text    not null,
    id      text    not null,
    digest  blob    not null,
    outcome text,
    at      integer not null,
    primary key (tenant, user_id, id)
) without rowid;
create index operation_at on operation (at) where outcome is not null;

-- What each device had of an entity after its last edit.
create table branch (
    feed_id        integer not null,
    kind           text    not null,
    id             text    not null,
    device         text    not null,
    operation      text    not null,          -- the last edit
    client_version integer,
    base_version   integer not null,
    fields         text,                      -- null once the device deleted it
    changed        integer not null,          -- the entity's number after that edit
    at             integer not null,
    primary key (feed_id, kind, id, device)
) without rowid;
create index branch_at on branch (at);

create table sync_conflict (
    tenant         text    not null,
    id             blob    not null,
    user_id        text    not null,          -- whose operation it was
    feed_id        integer not null,
    kind           text    not null,
    entity_id      text    not null,
    device         text    not null,
    operation      text    not null,
    open           integer not null,
    decided_by     text    not null,          -- what decided, or is proposed
    base           text,
    server         text,
    client         text,
    result         text,
    clashes        text    not null,
    client_version integer,
    server_version integer not null,
    created_at     integer not null,
    resolved_at    integer,
    resolved_by    text,
    resolution     text,
    primary key (tenant, id)
) without rowid;
create index sync_conflict_user on sync_conflict (tenant, user_id, id);
create index sync_conflict_open on sync_conflict (feed_id, kind, entity_id, id) where open = 1;
create index sync_conflict_resolved on sync_conflict (resolved_at) where open = 0;
