-- Notifications to one user that go out together; the tables of the SQLite schema, column for column.
-- Times are milliseconds since 1970-01-01T00:00:00Z. A send with active = 3 waits for the digest of its user and key.

alter table send add column digest_key text collate "C";   -- with which others it goes out, if with any
alter table send add column digest_window_ms bigint;   -- how long it waits for them
create index send_digest on send (tenant, users, digest_key, created_at, id) where active = 3;

-- Digests that are being gathered.
create table digest (
    tenant  text collate "C" not null,
    user_id text collate "C" not null,
    key     text collate "C" not null,
    due_at  bigint not null,              -- the end of its window
    joined  bigint not null,              -- counts each change of what is in it but what is taken back
    primary key (tenant, user_id, key)
);
create index digest_due on digest (due_at);
