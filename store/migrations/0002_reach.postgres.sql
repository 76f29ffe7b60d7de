-- Reaching people: who they are and where, what they want, what goes out to them, and sums of it;
-- the tables of the SQLite schema, column for column. Times are milliseconds since
-- 1970-01-01T00:00:00Z; UUIDs are 16 bytes; a day is counted from 1970-01-01.

alter table notification add column canceled_at bigint;

-- A recall walks the notifications of one send by their ids.
create index notification_send on notification (send_id, id) where send_id is not null;

alter table send add column canceled_at bigint;
alter table send add column recall bigint not null default 0;           -- 0 none, 1 under way, 2 done
alter table send add column recall_cursor bytea not null default '\x';  -- the last one recalled
create index send_recall on send (id) where recall = 1;

-- What a timeline reads. That a notification was created stands in its own row, so that a publish
-- writes nothing here.
create index audit_entry_about on audit_entry (tenant, entity_id, number)
    where entity_type = 'notification' and action <> 'notification_created';

create table person (
    tenant     text collate "C" not null,
    user_id    text collate "C" not null,
    name       text collate "C",
    email      bytea,                                  -- sealed
    email_hash bytea,                                  -- keyed, of what is sealed
    phone      bytea,
    phone_hash bytea,
    locale     text collate "C",
    tz         text collate "C",
    created_at bigint           not null,
    updated_at bigint           not null,
    version    bigint           not null,
    primary key (tenant, user_id)
);
-- Whose number it is that answered.
create index person_phone on person (tenant, phone_hash) where phone_hash is not null;

-- Push tokens and browsers' subscriptions. One that moves to another user leaves the first.
create table address (
    tenant     text collate "C" not null,
    id         bytea            not null,
    user_id    text collate "C" not null,
    kind       text collate "C" not null,              -- fcm, web_push
    secret     bytea            not null,              -- sealed
    hash       bytea            not null,              -- keyed, of the token or endpoint
    platform   text collate "C" not null,
    device     text collate "C",
    active     bigint           not null,
    created_at bigint           not null,
    seen_at    bigint           not null,
    primary key (tenant, id)
);
create unique index address_hash on address (tenant, hash);
create index address_user on address (tenant, user_id, created_at);

create table preference (
    tenant     text collate "C" not null,
    user_id    text collate "C" not null,              -- empty: the tenant's, which hold for everybody
    body       text collate "C" not null,
    version    bigint           not null,
    updated_at bigint           not null,
    primary key (tenant, user_id)
);

create table suppression (
    tenant  text collate "C" not null,
    channel text collate "C" not null,                 -- sms, email
    hash    bytea            not null,                 -- keyed, of the phone number or mailbox
    reason  text collate "C" not null,
    source  text collate "C" not null,
    at      bigint           not null,
    primary key (tenant, channel, hash)
);

-- The outbox. A row that is queued or held has its turn at `due_at`, or waits for an earlier place
-- to fail; all others have no `due_at`. While it is claimed, `due_at` is the lease's end. Every row
-- changes a few times and then never again, so that a vacuum comes often and finds little.
create table delivery (
    tenant          text collate "C" not null,
    id              bytea            not null,
    notification_id bytea            not null,
    user_id         text collate "C" not null,
    priority        bigint           not null,
    channel         text collate "C" not null,
    place           bigint           not null,         -- its place in the plan
    address         bytea,
    state           text collate "C" not null,
    reason          text collate "C" not null,
    code            text collate "C",
    reference       text collate "C",
    provider        text collate "C",
    attempts        bigint           not null default 0,
    claim           bigint           not null default 0,
    leased          bigint           not null default 0,
    strategy        text collate "C" not null,         -- how the channels of its plan follow each other
    escalate_after  bigint,                            -- milliseconds without a read
    brought         bytea,                             -- a phone number of the request, sealed
    due_at          bigint,
    ask_at          bigint,                            -- when the provider is asked what became of it
    created_at      bigint           not null,
    updated_at      bigint           not null,
    primary key (tenant, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
create index delivery_of on delivery (tenant, notification_id, place);
create index delivery_due on delivery (channel, tenant, priority, due_at, id) where due_at is not null;
create index delivery_open on delivery (due_at) where state in ('queued', 'held');
create index delivery_ask on delivery (ask_at) where state = 'sent' and ask_at is not null;
create index delivery_leased on delivery (tenant, id) where leased = 1;
create index delivery_age on delivery (updated_at) where due_at is null;
create index delivery_brought on delivery (tenant, id) where brought is not null;

create table tally (
    tenant  text collate "C" not null,
    class   text collate "C" not null,                 -- empty: the whole tenant
    day     bigint           not null,
    measure text collate "C" not null,
    channel text collate "C" not null,
    type    text collate "C" not null,
    bucket  bigint           not null,
    count   bigint           not null,
    primary key (tenant, class, day, measure, channel, type, bucket)
);

-- How far each tenant's trail has been added up.
create table tally_place (
    tenant  text collate "C" not null primary key,
    counted bigint           not null
);
