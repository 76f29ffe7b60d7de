-- Lessons, and the blobs that they refer to; the tables of the SQLite schema, column for column. The
-- bytes of blobs are files; here stands which they are.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes, hashes 32.

create table lesson (
    tenant      text collate "C" not null,
    id          text collate "C" not null,
    class_id    text collate "C" not null,
    title       text collate "C" not null,
    data        text collate "C" not null,
    attachments text collate "C" not null,             -- one on each line: hash, length, type, name
    expires_at  bigint,
    version     bigint           not null,
    created_at  bigint           not null,
    updated_at  bigint           not null,
    changed     bigint           not null,             -- on the feed of its class
    deleted     bigint           not null default 0,
    primary key (tenant, id)
);
create index lesson_class on lesson (tenant, class_id, id) where deleted = 0;
create index lesson_expiry on lesson (expires_at) where deleted = 0 and expires_at is not null;

-- One row for each blob that a lesson refers to.
create table lesson_blob (
    tenant    text collate "C" not null,
    hash      bytea            not null,
    lesson_id text collate "C" not null,
    primary key (tenant, hash, lesson_id)
);
create index lesson_blob_lesson on lesson_blob (tenant, lesson_id, hash);

create table blob (
    tenant     text collate "C" not null,
    hash       bytea            not null,
    file       bytea            not null,              -- which file holds its bytes
    bytes      bigint           not null,
    media_type text collate "C" not null,
    lessons    bigint           not null default 0,    -- how many refer to it
    created_at bigint           not null,
    needed_at  bigint           not null,              -- when somebody last had a use for it
    primary key (tenant, hash)
);
create unique index blob_file on blob (file);
create index blob_unneeded on blob (needed_at) where lessons = 0;

-- Who uploaded it, and so may read it before a lesson refers to it.
create table blob_uploader (
    tenant  text collate "C" not null,
    hash    bytea            not null,
    user_id text collate "C" not null,
    primary key (tenant, hash, user_id)
);

create table blob_total (
    tenant text collate "C" not null primary key,
    bytes  bigint           not null
);
