-- What is scheduled for classes, and who was told of it.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table event (
    tenant     text    not null,
    id         blob    not null,
    class_id   text    not null,
    quiz_id    text,                         -- the quiz that it holds
    body       text    not null,             -- kind, words and times; the service's affair
    version    integer not null,
    begins_at  integer not null,             -- when its first occurrence starts
    over_by    integer,                      -- when its last one is over; none where there is no end
    expanded_to integer not null,            -- occurrences that start before then are in `occurrence`
    expand_at  integer,                      -- when to find more; none where there are none
    created_by text    not null,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant, id)
) without rowid;
create index event_class on event (tenant, class_id, id);
create unique index event_quiz on event (tenant, quiz_id) where quiz_id is not null;
create index event_expand on event (expand_at) where expand_at is not null;

-- The occurrences of the weeks ahead, until they are over.
create table occurrence (
    tenant    text    not null,
    event_id  blob    not null,
    starts_at integer not null,
    ends_at   integer not null,
    class_id  text    not null,
    name      text    not null,              -- the local time that the rule says
    version   integer not null,              -- of the event, as it says so
    looked_at integer not null default 0,    -- whether what was due before it was stored has been told
    primary key (tenant, event_id, starts_at)
) without rowid;
create index occurrence_starts on occurrence (starts_at);
create index occurrence_ends on occurrence (ends_at);
create index occurrence_new on occurrence (starts_at) where looked_at = 0;

-- Moments of which members were told, or which were missed.
create table firing (
    tenant    text    not null,
    event_id  blob    not null,
    starts_at integer not null,              -- of the occurrence
    moment    integer not null,              -- minutes of a reminder, -1 the start, -2 the end
    name      text    not null,              -- of the occurrence
    due_at    integer not null,
    noted_at  integer not null,
    send_id   blob,                          -- what tells of it; none where it was missed
    primary key (tenant, event_id, starts_at, moment)
) without rowid;
create index firing_noted on firing (noted_at);

-- Up to when moments have been looked at.
create table schedule_clock (
    id    integer not null primary key,
    up_to integer not null
);

-- Which reminders somebody asked for, so that they are looked at; user_id '' is the tenant's word for all.
create table reminder_choice (
    minutes integer not null,
    tenant  text    not null,
    user_id text    not null,
    primary key (minutes, tenant, user_id)
) without rowid;
create index reminder_choice_user on reminder_choice (tenant, user_id);

create table quiz (
    tenant     text    not null,
    id         text    not null,
    class_id   text    not null,
    title      text    not null,
    minutes    integer not null,
    created_at integer not null,
    updated_at integer not null,
    primary key (tenant, id)
) without rowid;
create index quiz_class on quiz (tenant, class_id);

-- Under which secrets calendars are read.
create table calendar (
    tenant     text    not null,
    user_id    text    not null,
    nonce      blob    not null,             -- what the secret is made from, by which it is found
    created_at integer not null,
    primary key (tenant, user_id)
) without rowid;
create unique index calendar_nonce on calendar (nonce);

-- A send that reminds reaches those members who want it so many minutes before the start.
alter table send add column reminder_minutes integer;
alter table send add column starts_at integer;
