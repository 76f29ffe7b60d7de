-- Feeds, notifications, sends, topics, audit, idempotency.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table setting (
    name  text not null primary key,
    value text not null
) without rowid;

-- One row per feed: its counter, held from the number's use to the commit. An inbox also keeps
-- here what would otherwise cost a write per notification: the unread count and the "all read" mark.
create table feed (
    id           integer primary key,
    tenant       text    not null,
    kind         text    not null,
    owner        text    not null,
    newest       integer not null default 0,
    horizon      integer not null default 0,
    unread       integer not null default 0,
    read_up_to   integer not null default 0,  -- covers notifications up to this number
    read_mark    integer not null default 0,  -- the number of the mark itself
    read_mark_at integer
);
create unique index feed_name on feed (tenant, kind, owner);

-- Clustered by feed and number: a replay reads neighbours, whatever the table's size.
create table notification (
    feed_id      integer not null,
    born         integer not null,            -- the number at which it became visible
    changed      integer not null,            -- the number of its last change
    tenant       text    not null,
    id           blob    not null,
    type         text    not null,
    template_id  text,
    title        text    not null,
    message      text    not null,
    data         text    not null,
    priority     integer not null,
    locale       text,
    sender_id    text,
    sender_name  text,
    image        text,
    actions      text,
    link         text,
    created_at   integer not null,
    expires_at   integer,
    delivered_at integer,
    attempts     integer not null default 0,
    read_at      integer,
    deleted      integer not null default 0,
    is_expired   integer not null default 0,  -- expired undelivered, and said so in the trail
    channels     text    not null,
    send_id      blob,
    primary key (feed_id, born)
) without rowid;
create unique index notification_id on notification (tenant, id);
create index notification_changed on notification (feed_id, changed);
create index notification_pending on notification (feed_id, changed)
    where delivered_at is null and deleted = 0 and is_expired = 0;
create index notification_expiring on notification (expires_at)
    where expires_at is not null and delivered_at is null and deleted = 0 and is_expired = 0;

-- One row per send to many, however many; `cursor` is the last user it has reached.
create table send (
    id          blob    not null primary key,
    tenant      text    not null,
    type        text    not null,
    template_id text,
    title       text    not null,
    message     text    not null,
    data        text    not null,
    priority    integer not null,
    locale      text,
    sender_id   text,
    sender_name text,
    image       text,
    actions     text,
    link        text,
    route       text    not null,
    users       text,                         -- sorted, one a line; null for a topic's members
    topic_id    text,
    cursor      text    not null default '',
    accepted    integer not null,
    expanded    integer not null default 0,
    active      integer not null default 1,
    created_at  integer not null,
    expires_at  integer
) without rowid;
create index send_active on send (tenant, created_at) where active = 1;

create table topic (
    tenant     text    not null,
    id         text    not null,
    kind       text    not null,
    visibility text    not null,
    title      text    not null,
    room_id    text,
    created_at integer not null,
    updated_at integer not null,
    changed    integer not null,              -- its number on the topic's feed
    deleted    integer not null default 0,
    primary key (tenant, id)
) without rowid;

create table topic_member (
    tenant     text    not null,
    topic_id   text    not null,
    user_id    text    not null,
    role       integer not null,
    joined_at  integer not null,
    changed    integer not null,              -- its number on the topic's feed
    removed    integer not null default 0,    -- a tombstone: tells devices to forget the topic
    primary key (tenant, topic_id, user_id)
) without rowid;
create index topic_member_user on topic_member (tenant, user_id, topic_id) where removed = 0;

-- One chain per tenant: `newest` numbers entries, `sealed` and `hash` end the last block.
create table audit_chain (
    tenant text    not null primary key,
    newest integer not null default 0,
    sealed integer not null default 0,
    block  integer not null default 0,
    hash   blob    not null default x'0000000000000000000000000000000000000000000000000000000000000000'
) without rowid;

create table audit_entry (
    tenant      text    not null,
    number      integer not null,
    at          integer not null,
    action      text    not null,
    entity_type text    not null,
    entity_id   text    not null,
    digest      blob    not null,             -- of salt, actor, target and metadata
    salt        blob,                         -- null once the details are erased
    actor       text,
    target      text,
    metadata    text,
    primary key (tenant, number)
) without rowid;
create index audit_entry_target on audit_entry (tenant, target, number) where target is not null;

create table audit_block (
    tenant    text    not null,
    block     integer not null,
    first     integer not null,
    last      integer not null,
    hash      blob    not null,
    sealed_at integer not null,
    primary key (tenant, block)
) without rowid;

create unique index audit_block_first on audit_block (tenant, first);

create table idempotency (
    tenant     text    not null,
    scope      text    not null,              -- caller, method and canonical path
    key        text    not null,
    digest     blob    not null,              -- of the request's body
    memo       text    not null,              -- what the answer is made from
    numbers    text    not null,              -- feed numbers that its effect was given
    created_at integer not null,
    primary key (tenant, scope, key)
) without rowid;
create index idempotency_age on idempotency (created_at);

-- One row for each user or token that was ever revoked and is not forgotten. The number is that of
-- the last change, over all tenants, by which every node finds what is new.
create table revocation (
    tenant     text    not null,
    kind       text    not null,              -- user, token
    subject    text    not null,              -- the user's id, or the token's jti
    number     integer not null,
    revoked_at integer not null,              -- covers a user's tokens issued until then
    changed_at integer not null,
    reason     text,
    made_by    text    not null,
    lifted     integer not null default 0,
    primary key (tenant, kind, subject)
) without rowid;
create unique index revocation_number on revocation (number);
create index revocation_listed on revocation (tenant, number) where lifted = 0;
create index revocation_age on revocation (changed_at) where lifted = 1 or kind = 'token';
