-- What is scheduled for classes, and who was told of it; the tables of the SQLite schema, column for column.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table event (
    tenant     text collate "C"    not null,
    id         bytea    not null,
    class_id   text collate "C"    not null,
    quiz_id    text collate "C",                         -- the quiz that it holds
    body       text collate "C"    not null,             -- kind, words and times; the service's affair
    version    bigint not null,
    begins_at  bigint not null,             -- when its first occurrence starts
    over_by    bigint,                      -- when its last one is over; none where there is no end
    expanded_to bigint not null,            -- occurrences that start before then are in `occurrence`
    expand_at  bigint,                      -- when to find more; none where there are none
    created_by text collate "C"    not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant, id)
);
create index event_class on event (tenant, class_id, id);
create unique index event_quiz on event (tenant, quiz_id) where quiz_id is not null;
create index event_expand on event (expand_at) where expand_at is not null;

-- The occurrences of the weeks ahead, until they are over.
create table occurrence (
    tenant    text collate "C"    not null,
    event_id  bytea    not null,
    starts_at bigint not null,
    ends_at   bigint not null,
    class_id  text collate "C"    not null,
    name      text collate "C"    not null,              -- the local time that the rule says
    version   bigint not null,              -- of the event, as it says so
    looked_at bigint not null default 0,    -- whether what was due before it was stored has been told
    primary key (tenant, event_id, starts_at)
);
create index occurrence_starts on occurrence (starts_at);
create index occurrence_ends on occurrence (ends_at);
create index occurrence_new on occurrence (starts_at) where looked_at = 0;

-- Moments of which members were told, or which were missed.
create table firing (
    tenant    text collate "C"    not null,
    event_id  bytea    not null,
    starts_at bigint not null,              -- of the occurrence
    moment    bigint not null,              -- minutes of a reminder, -1 the start, -2 the end
    name      text collate "C"    not null,              -- of the occurrence
    due_at    bigint not null,
    noted_at  bigint not null,
    send_id   bytea,                          -- what tells of it; none where it was missed
    primary key (tenant, event_id, starts_at, moment)
);
create index firing_noted on firing (noted_at);

-- Up to when moments have been looked at.
create table schedule_clock (
    id    bigint not null primary key,
    up_to bigint not null
);

-- Which reminders somebody asked for, so that they are looked at; user_id '' is the tenant's word for all.
create table reminder_choice (
    minutes bigint not null,
    tenant  text collate "C"    not null,
    user_id text collate "C"    not null,
    primary key (minutes, tenant, user_id)
);
create index reminder_choice_user on reminder_choice (tenant, user_id);

create table quiz (
    tenant     text collate "C"    not null,
    id         text collate "C"    not null,
    class_id   text collate "C"    not null,
    title      text collate "C"    not null,
    minutes    bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant, id)
);
create index quiz_class on quiz (tenant, class_id);

-- Under which secrets calendars are read.
create table calendar (
    tenant     text collate "C"    not null,
    user_id    text collate "C"    not null,
    nonce      bytea    not null,             -- what the secret is made from, by which it is found
    created_at bigint not null,
    primary key (tenant, user_id)
);
create unique index calendar_nonce on calendar (nonce);

-- A send that reminds reaches those members who want it so many minutes before the start.
alter table send add column reminder_minutes bigint;
alter table send add column starts_at bigint;
