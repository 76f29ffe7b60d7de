-- Offline work: entities on their owner's or their topic's feed, what they were, what devices did to
-- them, and what was in the way of what. Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are
-- 16 bytes; JSON is text.

create table entity (
    feed_id        bigint           not null,
    kind           text collate "C" not null,
    id             text collate "C" not null,
    tenant         text collate "C" not null,
    version        bigint           not null,              -- grows by one with each change that devices see
    revision       bigint           not null,              -- grows by one with each write of this row
    changed        bigint           not null,              -- its number on the feed
    data           text collate "C" not null,              -- of one that was deleted, what it had
    stamps         text collate "C" not null,              -- when its fields were written
    deleted        bigint           not null,
    device         text collate "C" not null,              -- which wrote last
    created_at     bigint           not null,
    updated_at     bigint           not null,
    primary key (feed_id, kind, id)
);
create index entity_changed on entity (feed_id, changed);
create index entity_updated on entity (feed_id, updated_at);

-- What entities were, as the base of edits that come late.
create table entity_version (
    feed_id        bigint           not null,
    kind           text collate "C" not null,
    id             text collate "C" not null,
    version        bigint           not null,
    data           text collate "C" not null,
    deleted        bigint           not null,
    at             bigint           not null,
    primary key (feed_id, kind, id, version)
);
create index entity_version_at on entity_version (at);

-- Every operation once: its id and digest are kept for ever, its outcome for a time.
create table operation (
    tenant         text collate "C" not null,
    user_id        text collate "C" not null,
    id             text collate "C" not null,
    digest         bytea            not null,
    outcome        text collate "C",
    at             bigint           not null,
    primary key (tenant, user_id, id)
);
create index operation_at on operation (at) where outcome is not null;

-- What each device had of an entity after its last edit.
create table branch (
    feed_id        bigint           not null,
    kind           text collate "C" not null,
    id             text collate "C" not null,
    device         text collate "C" not null,
    operation      text collate "C" not null,              -- the last edit
    client_version bigint,
    base_version   bigint           not null,
    fields         text collate "C",              -- null once the device deleted it
    changed        bigint           not null,              -- the entity's number after that edit
    at             bigint           not null,
    primary key (feed_id, kind, id, device)
);
create index branch_at on branch (at);

create table sync_conflict (
    tenant         text collate "C" not null,
    id             bytea            not null,
    user_id        text collate "C" not null,              -- whose operation it was
    feed_id        bigint           not null,
    kind           text collate "C" not null,
    entity_id      text collate "C" not null,
    device         text collate "C" not null,
    operation      text collate "C" not null,
    open           bigint           not null,
    decided_by     text collate "C" not null,              -- what decided, or is proposed
    base           text collate "C",
    server         text collate "C",
    client         text collate "C",
    result         text collate "C",
    clashes        text collate "C" not null,
    client_version bigint,
    server_version bigint           not null,
    created_at     bigint           not null,
    resolved_at    bigint,
    resolved_by    text collate "C",
    resolution     text collate "C",
    primary key (tenant, id)
);
create index sync_conflict_user on sync_conflict (tenant, user_id, id);
create index sync_conflict_open on sync_conflict (feed_id, kind, entity_id, id) where open = 1;
create index sync_conflict_resolved on sync_conflict (resolved_at) where open = 0;
