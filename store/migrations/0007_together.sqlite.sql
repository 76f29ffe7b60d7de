-- Who is connected to which node, when somebody was last, who is still to be told of messages, and the files
-- that messages carry.
-- Times are milliseconds since 1970-01-01T00:00:00Z; UUIDs are 16 bytes.

create table node (
    id       blob    not null primary key,
    alive_at integer not null                -- when it last said that it runs
) without rowid;

create table presence (
    tenant  text not null,
    user_id text not null,
    node    blob not null,
    primary key (tenant, user_id, node)
) without rowid;
create index presence_node on presence (node);

create table last_seen (
    tenant  text    not null,
    user_id text    not null,
    at      integer not null,
    primary key (tenant, user_id)
) without rowid;

-- Topics with messages of which members who are not there may still have to be told: a row however many
-- members and messages there are.
create table message_notice (
    feed_id  integer not null primary key,
    tenant   text    not null,
    topic_id text    not null,
    up_to    integer not null,                -- the number of the newest message
    due_at   integer not null
);
create index message_notice_due on message_notice (due_at);

alter table topic_member add column notified_up_to integer not null default 0;  -- of messages up to here
alter table topic_member add column notified_at integer not null default 0;
alter table topic_member add column notification_id blob;                        -- by this notification
create index topic_member_notice on topic_member (tenant, notification_id) where notification_id is not null;
-- An unread mention is found behind however many messages.
create index message_mentions on message (feed_id, born) where mentions <> '';
alter table delivery add column replaced integer not null default 0;  -- whether its notification gave way to a later one

-- Files of messages: a row for each blob that a message carries.
alter table message add column attachments text not null default '';  -- one on each line: hash, length, type, name
create table message_blob (
    tenant   text    not null,
    hash     blob    not null,
    topic_id text    not null,
    born     integer not null,                -- the number with which the message was sent
    primary key (tenant, hash, topic_id, born)
) without rowid;

-- Lessons and messages hold blobs alike.
alter table blob rename column lessons to holders;

-- What each user's uploads weigh together, 4 KiB each at least.
create table blob_user_total (
    tenant  text    not null,
    user_id text    not null,
    bytes   integer not null,
    primary key (tenant, user_id)
) without rowid;
insert into blob_user_total (tenant, user_id, bytes)
    select u.tenant, u.user_id, sum(case when b.bytes < 4096 then 4096 else b.bytes end) from blob_uploader u
    join blob b on b.tenant = u.tenant and b.hash = u.hash
    group by u.tenant, u.user_id;
