-- Reaching people: who they are and where, what they want, what goes out to them, and sums of it.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes; a day is counted from
-- 1970-01-01.

alter table notification add column canceled_at integer;

-- A recall walks the notifications of one send by their ids.
create index notification_send on notification (send_id, id) where send_id is not null;

alter table send add column canceled_at integer;
alter table send add column recall integer not null default 0;          -- 0 none, 1 under way, 2 done
alter table send add column recall_cursor blob not null default x'';    -- the last one recalled
create index send_recall on send (id) where recall = 1;

-- What a timeline reads. That a notification was created stands in its own row, so that a publish
-- writes nothing here.
create index audit_entry_about on audit_entry (tenant, entity_id, number)
    where entity_type = 'notification' and action <> 'notification_created';

create table person (
    tenant     text    not null,
    user_id    text    not null,
    name       text,
    email      blob,                          -- sealed
    email_hash blob,                          -- keyed, of what is sealed
    phone      blob,
    phone_hash blob,
    locale     text,
    tz         text,
    created_at integer not null,
    updated_at integer not null,
    version    integer not null,
    primary key (tenant, user_id)
) without rowid;
-- Whose number it is that answered.
create index person_phone on person (tenant, phone_hash) where phone_hash is not null;

-- Push tokens and browsers' subscriptions. One that moves to another user leaves the first.
create table address (
    tenant     text    not null,
    id         blob    not null,
    user_id    text    not null,
    kind       text    not null,              -- fcm, web_push
    secret     blob    not null,              -- sealed
    hash       blob    not null,              -- keyed, of the token or endpoint
    platform   text    not null,
    device     text,
    active     integer not null,
    created_at integer not null,
    seen_at    integer not null,
    primary key (tenant, id)
) without rowid;
create unique index address_hash on address (tenant, hash);
create index address_user on address (tenant, user_id, created_at);

create table preference (
    tenant     text    not null,
    user_id    text    not null,              -- empty: the tenant's, which hold for everybody
    body       text    not null,
    version    integer not null,
    updated_at integer not null,
    primary key (tenant, user_id)
) without rowid;

create table suppression (
    tenant  text    not null,
    channel text    not null,                 -- sms, email
    hash    blob    not null,                 -- keyed, of the phone number or mailbox
    reason  text    not null,
    source  text    not null,
    at      integer not null,
    primary key (tenant, channel, hash)
) without rowid;

-- The outbox. A row that is queued or held has its turn at `due_at`, or waits for an earlier place
-- to fail; all others have no `due_at`. While it is claimed, `due_at` is the lease's end.
create table delivery (
    tenant          text    not null,
    id              blob    not null,
    notification_id blob    not null,
    user_id         text    not null,
    priority        integer not null,
    channel         text    not null,
    place           integer not null,         -- its place in the plan
    address         blob,
    state           text    not null,
    reason          text    not null,
    code            text,
    reference       text,
    provider        text,
    attempts        integer not null default 0,
    claim           integer not null default 0,
    leased          integer not null default 0,
    strategy        text    not null,            -- how the channels of its plan follow each other
    escalate_after  integer,                     -- milliseconds without a read
    brought         blob,                        -- a phone number of the request, sealed
    due_at          integer,
    ask_at          integer,                     -- when the provider is asked what became of it
    created_at      integer not null,
    updated_at      integer not null,
    primary key (tenant, id)
) without rowid;
create index delivery_of on delivery (tenant, notification_id, place);
create index delivery_due on delivery (channel, tenant, priority, due_at, id) where due_at is not null;
create index delivery_open on delivery (due_at) where state in ('queued', 'held');
create index delivery_ask on delivery (ask_at) where state = 'sent' and ask_at is not null;
create index delivery_leased on delivery (tenant, id) where leased = 1;
create index delivery_age on delivery (updated_at) where due_at is null;
create index delivery_brought on delivery (tenant, id) where brought is not null;

create table tally (
    tenant  text    not null,
    class   text    not null,                 -- empty: the whole tenant
    day     integer not null,
    measure text    not null,
    channel text    not null,
    type    text    not null,
    bucket  integer not null,
    count   integer not null,
    primary key (tenant, class, day, measure, channel, type, bucket)
) without rowid;

-- How far each tenant's trail has been added up.
create table tally_place (
    tenant  text    not null primary key,
    counted integer not null
) without rowid;
