-- Lessons, and the blobs that they refer to. The bytes of blobs are files; here stands which they are.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes, hashes 32.

create table lesson (
    tenant      text    not null,
    id          text    not null,
    class_id    text    not null,
    title       text    not null,
    data        text    not null,
    attachments text    not null,             -- one on each line: hash, length, type, name
    expires_at  integer,
    version     integer not null,
    created_at  integer not null,
    updated_at  integer not null,
    changed     integer not null,             -- on the feed of its class
    deleted     integer not null default 0,
    primary key (tenant, id)
) without rowid;
create index lesson_class on lesson (tenant, class_id, id) where deleted = 0;
create index lesson_expiry on lesson (expires_at) where deleted = 0 and expires_at is not null;

-- One row for each blob that a lesson refers to.
create table lesson_blob (
    tenant    text not null,
    hash      blob not null,
    lesson_id text not null,
    primary key (tenant, hash, lesson_id)
) without rowid;
create index lesson_blob_lesson on lesson_blob (tenant, lesson_id, hash);

create table blob (
    tenant     text    not null,
    hash       blob    not null,
    file       blob    not null,              -- which file holds its bytes
    bytes      integer not null,
    media_type text    not null,
    lessons    integer not null default 0,    -- how many refer to it
    created_at integer not null,
    needed_at  integer not null,              -- when somebody last had a use for it
    primary key (tenant, hash)
) without rowid;
create unique index blob_file on blob (file);
create index blob_unneeded on blob (needed_at) where lessons = 0;

-- Who uploaded it, and so may read it before a lesson refers to it.
create table blob_uploader (
    tenant  text not null,
    hash    blob not null,
    user_id text not null,
    primary key (tenant, hash, user_id)
) without rowid;

create table blob_total (
    tenant text    not null primary key,
    bytes  integer not null
) without rowid;
